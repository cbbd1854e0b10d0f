import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  DeliveriesStore,
  emptyDays,
  findLost,
  type Lost,
  OutcomesStore,
  pruneLedger,
} from '../ledger/index.js';
import { prunePartners, RefreshKeys } from '../partners/index.js';
import { Clock, Database, ensurePartitions, Log, Settings, Stopping } from '../platform/index.js';
import { nextAttemptAt } from './back-off.js';
import { EndDelivery } from './end-delivery.js';
import { StopRevoked } from './revocation/stop-revoked.js';
import { ChallengeEndpoints } from './ownership/challenge-endpoints.js';

const MOST = 200;
const HOUSEKEEPING_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUSEKEEPING_MS;

/** What a change of keys or endpoints brings about, soon after it. */
@Injectable()
export class Duties {
  constructor(
    private readonly revoked: StopRevoked,
    private readonly keySets: RefreshKeys,
    private readonly challenges: ChallengeEndpoints,
  ) {}

  async run(): Promise<void> {
    await this.revoked.run();
    // Side by side: both wait for what is not ours.
    await Promise.all([this.keySets.run(), this.challenges.run()]);
  }
}

/** What a sweep works with. */
@Injectable()
export class SweepParts {
  constructor(
    readonly deliveries: DeliveriesStore,
    readonly outcomes: OutcomesStore,
    readonly end: EndDelivery,
    readonly duties: Duties,
  ) {}
}

/** The surroundings of a sweep. */
@Injectable()
export class SweepSurroundings {
  constructor(
    readonly database: Database,
    readonly settings: Settings,
    readonly clock: Clock,
    readonly log: Log,
    readonly stopping: Stopping,
  ) {}
}

/**
 * What no event brings about: attempts and leases whose holder is gone, what a revocation has still to reach, deliveries whose time is over,
 * endpoints to be challenged, days to be made and dropped. Any number of processes may sweep.
 */
@Injectable()
export class Sweep implements OnApplicationBootstrap {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #keptHouseAt = 0;

  constructor(
    private readonly parts: SweepParts,
    private readonly around: SweepSurroundings,
  ) {}

  onApplicationBootstrap(): void {
    const { database, stopping } = this.around;
    // Revocations and endpoints are what `keys` tells of; the outbox speaks far too often for this.
    const off = database.wakeups.on('keys', () => void this.#onKeys());
    stopping.signal.addEventListener('abort', () => {
      off();
      clearTimeout(this.#timer);
    });
    void this.#loop();
  }

  /** Resolves when the sweep under way, if any, has ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** One whole sweep. */
  async run(): Promise<void> {
    await this.#recoverLost();
    await this.#endOverdue();
    await this.parts.duties.run();
    await this.#keepHouse();
  }

  async #loop(): Promise<void> {
    const { settings, stopping } = this.around;
    this.#running = this.#quietly(() => this.run());
    await this.#running;
    if (stopping.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#loop(), settings.SWEEP_MS);
  }

  async #onKeys(): Promise<void> {
    await this.#quietly(() => this.parts.duties.run());
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.around.stopping.signal.aborted) this.around.log.broken('sweep.failed', error);
    }
  }

  async #recoverLost(): Promise<void> {
    const { database, clock, log } = this.around;
    await whileFull(
      () => findLost(database.db, clock.now(), MOST),
      async (lost) => {
        const made = await Promise.all(lost.map((one) => this.#recover(one)));
        log.step('sweep.recovered', { deliveries: made.filter(Boolean).length });
        return made;
      },
    );
  }

  #recover({ deliveryId, state, attempt, exp }: Lost): Promise<boolean> {
    const { clock, settings } = this.around;
    const at = clock.now();
    const step = { deliveryId, attempt, at, from: [state] };
    if (state === 'leased')
      return this.parts.outcomes.record({ ...step, to: 'available', reason: 'lease_expired' });
    const next = nextAttemptAt({
      scheduleMs: settings.RETRY_SCHEDULE_MS,
      attempt,
      now: at,
      exp,
      chance: Math.random(),
    });
    // Past `exp` it still goes back to wait: the next sweep ends it, with its receipt.
    return this.parts.outcomes.record({
      ...step,
      to: 'waiting',
      nextAttemptAt: next ?? exp,
      reason: 'worker_lost',
    });
  }

  async #endOverdue(): Promise<void> {
    const { deliveries, end } = this.parts;
    await whileFull(
      () => deliveries.overdue(this.around.clock.now(), MOST),
      (overdue) => Promise.all(overdue.map((facts) => end.timeIsOver(facts))),
    );
  }

  async #keepHouse(): Promise<void> {
    const { database, clock, settings } = this.around;
    const now = clock.now();
    if (now.getTime() - this.#keptHouseAt < HOUSEKEEPING_MS) return;
    this.#keptHouseAt = now.getTime();
    await ensurePartitions(database.db, now);
    await emptyDays(database.db, daysBefore(now, settings.RETENTION_DAYS), now);
    await pruneLedger(database.db, daysBefore(now, settings.EVIDENCE_DAYS));
    await prunePartners(database.db, now);
  }
}

function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * DAY_MS);
}

/** Works off batch after batch; stops when one was not full, or when nothing of it could be done. */
async function whileFull<Item>(
  find: () => Promise<readonly Item[]>,
  workOff: (items: readonly Item[]) => Promise<readonly boolean[]>,
): Promise<void> {
  let items: readonly Item[];
  let made: readonly boolean[];
  do {
    items = await find();
    made = items.length === 0 ? [] : await workOff(items);
  } while (items.length === MOST && made.some(Boolean));
}

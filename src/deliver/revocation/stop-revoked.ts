import { Injectable } from '@nestjs/common';
import type { State } from '../../envelope/index.js';
import { factsByIds, undeliveredOf } from '../../ledger/index.js';
import { type RevokedKey, Revocations } from '../../partners/index.js';
import { Clock, Database, Log, Settings } from '../../platform/index.js';
import { EndDelivery } from '../end-delivery.js';
import { TellPartner } from '../operational/tell-partner.js';

/** Ids are small: one look finds this many. */
const MOST = 10_000;
/** Deliveries come with their bodies, up to 1 MiB each. */
const AT_ONCE = 50;
/** An attempt or a lease that had begun goes on: its 2xx or ack beats `rejected`. */
const WAITING: readonly State[] = ['waiting', 'queued', 'available'];

/** The surroundings of a stop. */
@Injectable()
export class StopSurroundings {
  constructor(
    readonly database: Database,
    readonly settings: Settings,
    readonly clock: Clock,
    readonly log: Log,
  ) {}
}

/**
 * Makes a revocation reach what waits. From its answer on nothing it forbids begins, whatever happens
 * here; this ends it at once, each with its receipt, instead of when its turn would have come, and tells
 * those whom it concerns.
 */
@Injectable()
export class StopRevoked {
  constructor(
    private readonly revocations: Revocations,
    private readonly end: EndDelivery,
    private readonly tell: TellPartner,
    private readonly around: StopSurroundings,
  ) {}

  /** Works off the revocations that are due. One that fails is due again after a while. */
  async run(): Promise<void> {
    for (const key of await this.revocations.claim()) await this.#stop(key);
  }

  async #stop(key: RevokedKey): Promise<void> {
    const { settings, clock, log } = this.around;
    const { stopped, left } = await this.#rejectAll(key);
    if (key.toldAt === null) await this.#tellAll(key);
    const againAt = left > 0 ? new Date(clock.now().getTime() + settings.SWEEP_MS) : null;
    await this.revocations.reached(key, againAt);
    log.step('key.stopped', { partnerId: key.owner, kid: key.kid, stopped, left });
  }

  async #rejectAll(key: RevokedKey): Promise<{ stopped: number; left: number }> {
    const { db } = this.around.database;
    let stopped = 0;
    for (;;) {
      const ids = await undeliveredOf(db, key, MOST);
      const before = stopped;
      for (let at = 0; at < ids.length; at += AT_ONCE)
        stopped += await this.#reject(key, ids.slice(at, at + AT_ONCE));
      const made = stopped - before;
      if (ids.length < MOST || made === 0) return { stopped, left: ids.length - made };
    }
  }

  async #reject({ use }: RevokedKey, ids: readonly string[]): Promise<number> {
    const code = use === 'sig' ? 'key_unknown' : 'stale_recipient_key';
    const found = await factsByIds(this.around.database.db, ids);
    const made = await Promise.all(found.map((facts) => this.end.reject(facts, code, WAITING)));
    return made.filter(Boolean).length;
  }

  async #tellAll(key: RevokedKey): Promise<void> {
    const { owner, kid, jkt, use, revokedAt, since, reason } = key;
    const what = { partner: owner, kid, jkt, use, revokedAt, ...(since === null ? {} : { since }) };
    for (const to of await this.revocations.concerned(key)) {
      // Why is its owner's business.
      const data = to === owner && reason !== null ? { ...what, reason } : what;
      const jti = `key.revoked:${jkt}:${to}`;
      await this.tell.run({ to, type: 'sealpost.key.revoked', jti, data });
    }
    await this.revocations.told(key);
  }
}

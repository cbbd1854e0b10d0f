import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { OutboxStore } from '../ledger/index.js';
import { Clock, Database, Log, Settings, Stopping } from '../platform/index.js';
import { AttemptQueue } from './attempt-queue.js';

const MOST = 500;
/** Sweeps that a queued attempt may wait before it is added again. */
const PATIENCE_SWEEPS = 3;

/** What the relay needs of its surroundings, to keep its constructor readable. */
@Injectable()
export class RelayParts {
  constructor(
    readonly outbox: OutboxStore,
    readonly queue: AttemptQueue,
    readonly settings: Settings,
    readonly clock: Clock,
    readonly log: Log,
  ) {}
}

/**
 * The only bridge from the ledger to the queue. Wakes when a commit says so, when an attempt is due, and
 * by sweep; a pass that fails is repeated, since the outbox still holds what it did not admit.
 */
@Injectable()
export class Relay implements OnApplicationBootstrap {
  #running = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #lastSweep = 0;

  constructor(
    private readonly parts: RelayParts,
    private readonly database: Database,
    private readonly stopping: Stopping,
  ) {}

  onApplicationBootstrap(): void {
    const off = this.database.wakeups.on('outbox', () => this.nudge());
    this.stopping.signal.addEventListener('abort', () => {
      off();
      clearTimeout(this.#timer);
    });
    this.nudge();
  }

  /** Runs a pass now, or right after the one under way. */
  nudge(): void {
    this.#again = true;
    if (this.#running || this.stopping.signal.aborted) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
      if (this.#again) this.nudge();
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.stopping.signal.aborted) {
        this.#again = false;
        await this.#relayAll();
      }
      this.#schedule(await this.#untilNextDue());
    } catch (error) {
      this.parts.log.broken('relay.failed', error);
      this.#schedule(this.parts.settings.SWEEP_MS);
    }
  }

  #schedule(waitMs: number): void {
    if (this.stopping.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.nudge(), waitMs);
  }

  async #relayAll(): Promise<void> {
    const { outbox, queue, settings, clock } = this.parts;
    const patienceMs = PATIENCE_SWEEPS * settings.SWEEP_MS;
    const now = clock.now();
    const until = new Date(now.getTime() + patienceMs);
    if (now.getTime() - this.#lastSweep >= settings.SWEEP_MS || now.getTime() < this.#lastSweep) {
      this.#lastSweep = now.getTime();
      await outbox.adoptOrphans();
      const lost = await outbox.overdue(now, until, MOST);
      if (lost.length > 0) await queue.add(lost);
    }
    let admitted: number;
    do {
      const jobs = await outbox.admit({
        at: now,
        until,
        perEndpoint: settings.ENDPOINT_IN_FLIGHT,
        perRecipient: settings.RECIPIENT_IN_FLIGHT,
        most: MOST,
      });
      admitted = jobs.length;
      if (admitted > 0) await queue.add(jobs);
    } while (admitted === MOST);
  }

  async #untilNextDue(): Promise<number> {
    const { outbox, settings, clock } = this.parts;
    const now = clock.now();
    const due = await outbox.nextDue(now);
    if (due === undefined) return settings.SWEEP_MS;
    return Math.min(settings.SWEEP_MS, Math.max(1, due.getTime() - now.getTime()));
  }
}

import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { AttemptJob } from '../ledger/index.js';
import { Log, Metrics, Settings } from '../platform/index.js';
import { AttemptQueue, Relay } from '../queue/index.js';
import { DeliverAttempt } from './deliver-attempt.js';
import { Sweep } from './sweep.js';

/** Pushes get this long to finish at shutdown; then they are handed back. */
const GRACE_MS = 2_000;

/** What the worker has around it. */
@Injectable()
export class WorkerSurroundings {
  constructor(
    readonly settings: Settings,
    readonly log: Log,
    readonly metrics: Metrics,
    readonly sweep: Sweep,
  ) {}
}

/** Takes attempts from the queue and writes the wide line of each. */
@Injectable()
export class Worker implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #giveUp = new AbortController();

  constructor(
    private readonly queue: AttemptQueue,
    private readonly relay: Relay,
    private readonly deliver: DeliverAttempt,
    private readonly around: WorkerSurroundings,
  ) {}

  onApplicationBootstrap(): void {
    this.queue.consume((job) => this.#attempt(job), this.around.settings.WORKER_CONCURRENCY);
  }

  /** Pushes in flight are finished, or handed back after a grace time. */
  async onModuleDestroy(): Promise<void> {
    const timer = setTimeout(() => this.#giveUp.abort(), GRACE_MS);
    await this.queue.drain();
    clearTimeout(timer);
    await this.around.sweep.settled();
  }

  async #attempt(job: AttemptJob): Promise<void> {
    const began = performance.now();
    const line: Record<string, unknown> = { ...job, outcome: 'broken' };
    try {
      const { outcome, facts, reason } = await this.deliver.run(job, this.#giveUp.signal);
      Object.assign(line, { outcome, reason, envelopeId: facts?.envelopeId });
      line['endpointId'] = facts?.endpointId;
      line['traceId'] = facts?.envelope.traceId;
    } catch (error) {
      // The ledger holds the attempt until its bound; then the sweep hands it on.
      this.around.log.broken('attempt.broken', error, { ...job });
    } finally {
      const tookMs = performance.now() - began;
      line['tookMs'] = Math.round(tookMs * 10) / 10;
      this.around.metrics.attempts.inc({ method: 'push', outcome: String(line['outcome']) });
      this.around.metrics.attemptSeconds.observe(tookMs / 1000);
      this.around.log.step('delivery.attempted', line);
      this.relay.nudge();
    }
  }
}

import { Injectable } from '@nestjs/common';
import { setTimeout as after } from 'node:timers/promises';
import { Broken } from '../envelope/index.js';
import type { AttemptJob } from '../ledger/index.js';
import { isUuid, type Log } from '../platform/index.js';
import type { Consumer, Engine } from './engine.js';

// A client that has never been connected answers nothing at all.
const ADD_TIMEOUT_MS = 5_000;

/** STEP 4: which attempt runs when. Rebuildable from the ledger at any moment. */
@Injectable()
export class AttemptQueue {
  #consumer: Consumer | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly log: Log,
  ) {}

  get engineName(): string {
    return this.engine.name;
  }

  /** Adds each attempt once, however often it is called. Rejects when the queue cannot take them. */
  async add(jobs: readonly AttemptJob[]): Promise<void> {
    await inTime(
      this.engine.add(
        jobs.map(({ deliveryId, attempt }) => ({
          id: `${deliveryId}-${attempt}`,
          data: { deliveryId, attempt },
        })),
      ),
    );
  }

  /** Hands each attempt to `handle`; what is not an attempt is dropped and logged. */
  consume(handle: (job: AttemptJob) => Promise<void>, concurrency: number): void {
    this.#consumer = this.engine.consume(async (data) => {
      const job = readJob(data);
      if (job === undefined) this.log.step('job.dropped', { because: 'malformed' });
      else await handle(job);
    }, concurrency);
  }

  /** Throws when the queue does not answer. */
  async ping(): Promise<void> {
    await inTime(this.engine.ping());
  }

  /** Takes no more jobs; resolves when those under way have ended. */
  async drain(): Promise<void> {
    await this.#consumer?.close();
    this.#consumer = undefined;
  }

  async close(): Promise<void> {
    await this.drain();
    await this.engine.close();
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = after(ADD_TIMEOUT_MS, undefined, { signal: stop.signal, ref: false }).then(() => {
    throw new Broken('the queue does not answer');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
    work.catch(() => undefined);
  }
}

/** Jobs are not trusted: their data says at most which row of the ledger to look at. */
function readJob(data: unknown): AttemptJob | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const deliveryId: unknown = Reflect.get(data, 'deliveryId');
  const attempt: unknown = Reflect.get(data, 'attempt');
  if (!isUuid(deliveryId) || typeof attempt !== 'number') return undefined;
  if (!Number.isInteger(attempt) || attempt < 1 || attempt > 1_000_000) return undefined;
  return { deliveryId, attempt };
}

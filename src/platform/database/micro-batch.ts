import { isUnavailable } from './faults.js';

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

export interface MicroBatchOptions {
  /** Most items that one write takes. */
  readonly maxItems: number;
  /** Writes under way at once. */
  readonly writers: number;
}

/**
 * Lets concurrent callers share one statement and one commit.
 *
 * No timer: an item goes at once when a writer is free, and else with all that gathered meanwhile, so
 * that batches grow with the load and an idle system adds no latency. When a batch of several fails,
 * each item is written alone, so that no item fails for another's sake; `write` MUST therefore be
 * atomic and safe to repeat.
 */
export class MicroBatch<In, Out> {
  readonly #waiting: Waiting<In, Out>[] = [];
  #busy = 0;

  constructor(
    private readonly write: (items: readonly In[]) => Promise<readonly Out[]>,
    private readonly options: MicroBatchOptions,
  ) {}

  /** Resolves with the item's own answer, after the commit that holds it. */
  add(item: In): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#start());
    });
  }

  #start(): void {
    while (this.#busy < this.options.writers && this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.options.maxItems);
      this.#busy++;
      void this.#run(batch).finally(() => {
        this.#busy--;
        this.#start();
      });
    }
  }

  async #run(batch: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const outs = await this.write(batch.map((waiting) => waiting.item));
      if (outs.length !== batch.length) throw new Error('a batch must answer each item');
      for (const [i, waiting] of batch.entries()) waiting.resolve(outs[i] as Out);
    } catch (error) {
      // Without a ledger each alone would fail as well, one after the other.
      if (batch.length === 1 || isUnavailable(error))
        for (const waiting of batch) waiting.reject(error);
      else for (const waiting of batch) await this.#run([waiting]);
    }
  }
}

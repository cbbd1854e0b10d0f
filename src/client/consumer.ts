import type { Schemas } from './content.js';
import { Flusher } from './flusher.js';
import { PATIENCE, type Patience, patiently } from './patience.js';
import type { Refusal } from './refusal.js';
import type { Polled } from './session.js';
import type { Handler, Receiving } from './verdict.js';

export interface ConsumeOptions<Known extends Schemas> {
  /**
   * Called once for each envelope. It is acknowledged when this resolves; when it rejects it comes again
   * after its lease. A Declined that it throws is final.
   */
  readonly handler: Handler<Known>;
  /** Handlers at work at a time. Default 8. */
  readonly concurrency?: number;
  readonly onRefused?: (refused: { deliveryId: string; refusal: Refusal }) => void;
  /** What a handler threw, and faults of the network. */
  readonly onFault?: (fault: unknown, deliveryId?: string) => void;
  readonly patience?: Partial<Patience>;
}

interface Ending {
  readonly deliveryId: string;
  /** None: it is acknowledged. */
  readonly refusal?: Refusal;
}

/** Longer than the exchange lets a poll wait. */
const POLL_WITHIN_MS = 90_000;
const ANSWER_WITHIN_MS = 60_000;
const MAX_ENDINGS = 500;

/**
 * A queue consumer over the inbox: polls, hands over, acknowledges. Any number may run for one partner; an
 * envelope that a killed one had in hand comes to another when its lease is over.
 */
export class Consumer<Known extends Schemas> {
  /** Resolves after `stop`; rejects when the exchange refuses to be polled. */
  readonly done: Promise<void>;
  readonly #stopping = new AbortController();
  readonly #inHand = new Map<string, Promise<void>>();
  readonly #endings: Flusher<Ending>;
  readonly #patience: Patience;
  readonly #concurrency: number;

  constructor(
    private readonly receiver: Receiving<Known>,
    private readonly options: ConsumeOptions<Known>,
  ) {
    this.#patience = { ...PATIENCE, ...options.patience };
    this.#concurrency = options.concurrency ?? 8;
    this.#endings = new Flusher(MAX_ENDINGS, (endings) => this.#tell(endings));
    this.done = this.#run();
    // Whoever awaits `done` or `stop` hears of it.
    this.done.catch(() => undefined);
  }

  /** Collects no more; resolves when what was in hand is handled and acknowledged. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.done;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        for (const [deliveryId, envelope] of Object.entries(await this.#poll()))
          this.#take(deliveryId, envelope);
        // One free hand at least, before more is taken from the queue.
        while (this.#inHand.size >= this.#concurrency) await Promise.race(this.#inHand.values());
      }
    } finally {
      await Promise.all(this.#inHand.values());
      await this.#endings.drained();
      await this.receiver.settled();
    }
  }

  async #poll(): Promise<Polled['sets']> {
    const { signal } = this.#stopping;
    const maxEvents = this.#concurrency - this.#inHand.size;
    try {
      const poll = (): Promise<Polled> =>
        this.receiver.session.poll({
          maxEvents,
          signal: AbortSignal.any([signal, AbortSignal.timeout(POLL_WITHIN_MS)]),
        });
      return (await patiently({ ...this.#patience, tries: Infinity, signal }, poll)).sets;
    } catch (error) {
      if (signal.aborted) return {};
      throw error;
    }
  }

  #take(deliveryId: string, envelope: string): void {
    // Its lease ran out while it is still in hand here.
    if (this.#inHand.has(deliveryId)) return;
    const handling = this.#handle(deliveryId, envelope).finally(() =>
      this.#inHand.delete(deliveryId),
    );
    this.#inHand.set(deliveryId, handling);
  }

  async #handle(deliveryId: string, envelope: string): Promise<void> {
    const { handler, onRefused, onFault } = this.options;
    try {
      const verdict = await this.receiver.receive(envelope, handler);
      if (verdict.is === 'busy') return;
      if (verdict.is !== 'refused') return this.#endings.add({ deliveryId });
      const { refusal } = verdict;
      onRefused?.({ deliveryId, refusal });
      this.#endings.add({ deliveryId, refusal });
    } catch (error) {
      onFault?.(error, deliveryId);
    }
  }

  async #tell(endings: readonly Ending[]): Promise<void> {
    const setErrs: Record<string, { err: string; description: string }> = {};
    for (const { deliveryId, refusal } of endings)
      if (refusal !== undefined)
        setErrs[deliveryId] = { err: refusal.err, description: refusal.description };
    const ack = endings.filter((one) => one.refusal === undefined).map((one) => one.deliveryId);
    try {
      await patiently(this.#patience, () =>
        this.receiver.session.poll({
          maxEvents: 0,
          returnImmediately: true,
          ack,
          setErrs,
          signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        }),
      );
    } catch (error) {
      // They come again, and are acknowledged then.
      this.options.onFault?.(error);
    }
  }
}

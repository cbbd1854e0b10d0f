import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { PartnerId } from '../../envelope/index.js';
import { Database } from '../../platform/index.js';

/** Long polls of this process, woken by whichever process committed something for their inbox. */
@Injectable()
export class InboxWaiters implements OnModuleDestroy {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #off: () => void;

  constructor(database: Database) {
    this.#off = database.wakeups.on('inbox', (payload) => this.#wake(payload));
  }

  onModuleDestroy(): void {
    this.#off();
  }

  /**
   * Starts to listen at once and resolves at the first wake-up for `recipient`, when `signal` aborts or
   * after `ms`, whichever comes first. Call `listen` before looking, so that nothing falls between.
   */
  listen(recipient: PartnerId): { until: (ms: number, signal: AbortSignal) => Promise<void> } {
    const set = this.#waiting.get(recipient) ?? new Set();
    this.#waiting.set(recipient, set);
    const { promise: woken, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    set.add(wake);
    const forget = (): void => {
      set.delete(wake);
      if (set.size === 0 && this.#waiting.get(recipient) === set) this.#waiting.delete(recipient);
    };
    return {
      until: async (ms, signal) => {
        const timer = setTimeout(wake, ms);
        signal.addEventListener('abort', wake);
        if (signal.aborted) wake();
        await woken;
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        forget();
      },
    };
  }

  #wake(payload: string): void {
    const names = payload === '' ? [...this.#waiting.keys()] : payload.split(',');
    for (const name of names) for (const wake of this.#waiting.get(name) ?? []) wake();
  }
}

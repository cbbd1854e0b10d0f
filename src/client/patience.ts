import { setTimeout as after } from 'node:timers/promises';
import { ExchangeRefused } from './exchange.js';

/** How long to go on trying what may go well later. */
export interface Patience {
  /** How often in all. */
  readonly tries: number;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Some two minutes in all: longer than a restart of the exchange takes. */
export const PATIENCE: Patience = { tries: 8, firstWaitMs: 500, longestWaitMs: 30_000 };

/**
 * Acts until it goes well: no answer, too much at once and a fault on the other side are waited out, longer
 * each time and at least as long as the exchange asks. `act` MUST be safe to repeat.
 */
export async function patiently<Answer>(
  patience: Patience,
  act: () => Promise<Answer>,
): Promise<Answer> {
  for (let tried = 1; ; tried++) {
    try {
      return await act();
    } catch (error) {
      const { tries, signal } = patience;
      if (tried >= tries || signal?.aborted === true || !isPassing(error)) throw error;
      await rest(patience, tried, error);
    }
  }
}

/** Waits before another try; `because` may say for how long. */
export async function rest(patience: Patience, tried: number, because?: unknown): Promise<void> {
  const { firstWaitMs, longestWaitMs, signal } = patience;
  const mostMs = Math.min(firstWaitMs * 2 ** (tried - 1), longestWaitMs);
  const askedMs = because instanceof ExchangeRefused ? (because.retryAfterMs ?? 0) : 0;
  // Half of it is chance, so that many who were cut off do not come back at once.
  const ownMs = mostMs * (0.5 + Math.random() / 2);
  await after(Math.max(ownMs, askedMs), undefined, signal === undefined ? {} : { signal });
}

export function isPassing(error: unknown): boolean {
  if (error instanceof ExchangeRefused) return mayPass(error.problem.status);
  return isUnreachable(error);
}

/** Statuses that a later try may not meet. */
export function mayPass(status: number): boolean {
  return status === 429 || status >= 500;
}

/** What `fetch` throws when no whole answer came, or none in time. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof DOMException) return error.name === 'TimeoutError';
  return error instanceof TypeError && error.cause !== undefined;
}

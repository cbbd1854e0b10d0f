import { setTimeout as after } from 'node:timers/promises';
import { ExchangeRefused } from '../client/index.js';
import { isUnreachable } from './failures.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export interface Persistence {
  /** How often in all. */
  readonly tries: number;
  readonly stop: AbortSignal;
  readonly onWait: (waitMs: number) => void;
}

/** Tries again what may go well later: no answer, too much at once, a fault on the other side. */
export async function persist<Answer>(
  { tries, stop, onWait }: Persistence,
  act: () => Promise<Answer>,
): Promise<Answer> {
  for (let tried = 1; ; tried++) {
    try {
      return await act();
    } catch (error) {
      if (tried >= tries || stop.aborted || !isPassing(error)) throw error;
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (tried - 1), LONGEST_WAIT_MS);
      onWait(waitMs);
      // Half of it is chance, so that many who were cut off do not come back at once.
      await after(waitMs * (0.5 + Math.random() / 2), undefined, { signal: stop });
    }
  }
}

export function isPassing(error: unknown): boolean {
  return (
    isUnreachable(error) || (error instanceof ExchangeRefused && mayPass(error.problem.status))
  );
}

/** Statuses that a later try may not meet. */
export function mayPass(status: number): boolean {
  return status === 429 || status >= 500;
}

/** What a wait is computed from; `chance` is in [0, 1). */
export interface BackOff {
  /** Waits before the 2nd, 3rd … attempt; the last one repeats. */
  readonly scheduleMs: readonly number[];
  /** The attempt that just failed, from 1. */
  readonly attempt: number;
  /** What the endpoint asked for with Retry-After. */
  readonly retryAfterMs?: number;
  readonly now: Date;
  /** Until when the delivery may begin an attempt. */
  readonly exp: Date;
  readonly chance: number;
}

const JITTER = 0.2;
/** A Retry-After beyond this is taken as this: no endpoint parks its deliveries for ever. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** When the next attempt is due, or undefined when none fits before `exp`: the delivery is dead. */
export function nextAttemptAt(backOff: BackOff): Date | undefined {
  const { scheduleMs, attempt, retryAfterMs: asked = 0, now, exp, chance } = backOff;
  const planned = scheduleMs[Math.min(attempt, scheduleMs.length) - 1] ?? 0;
  const spread = planned * (1 + JITTER * (2 * chance - 1));
  const waitMs = Math.max(Math.round(spread), Math.min(asked, MAX_RETRY_AFTER_MS));
  const at = new Date(now.getTime() + waitMs);
  return at < exp ? at : undefined;
}

/** All three forms of RFC 9110 section 5.6.7 begin with the day; Date.parse takes far more than those. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * Milliseconds that a Retry-After asks for (RFC 9110 section 10.2.3: seconds or an HTTP date), capped;
 * undefined when it says nothing usable.
 */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const until = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * 1000 : until - now.getTime();
  if (!Number.isFinite(ms) || ms <= 0) return undefined;
  return Math.min(ms, MAX_RETRY_AFTER_MS);
}

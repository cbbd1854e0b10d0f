import { setTimeout as after } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;

/** Looks until `look` answers something, and fails by name when it did not in time. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`in vain: ${what} (${withinMs} ms)`);
    await after(LOOK_EVERY_MS);
  }
}

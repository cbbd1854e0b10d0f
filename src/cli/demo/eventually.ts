import { setTimeout as after } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;

/** Looks until `look` answers something; fails by name when it did not in time. */
export async function eventually<Seen>(
  what: string,
  withinMs: number,
  look: () => Promise<Seen | undefined | false>,
): Promise<Seen> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`In vain: ${what} (${withinMs / 1000} s)`);
    await after(LOOK_EVERY_MS);
  }
}

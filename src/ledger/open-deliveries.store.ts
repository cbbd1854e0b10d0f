import { type Kysely, sql } from 'kysely';
import type { Clock, Tables } from '../platform/index.js';

/** Several scrapers at once, or one after the other, cost one look. */
const REMEMBER_MS = 5_000;

interface Open {
  readonly state: string;
  readonly count: string;
  readonly oldest: Date;
}

/** How much has not ended, for those who watch. */
export class OpenDeliveries {
  #seen: Promise<readonly Open[]> = Promise.resolve([]);
  #seenAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly db: Kysely<Tables>,
    private readonly clock: Clock,
  ) {}

  async byState(): Promise<Readonly<Record<string, number>>> {
    const open = await this.#look();
    return Object.fromEntries(open.map(({ state, count }) => [state, Number(count)]));
  }

  /** 0 when nothing is open. */
  async oldestSeconds(): Promise<number> {
    const oldest = (await this.#look()).map((open) => open.oldest.getTime());
    return oldest.length === 0 ? 0 : (this.clock.now().getTime() - Math.min(...oldest)) / 1000;
  }

  #look(): Promise<readonly Open[]> {
    const now = performance.now();
    if (now - this.#seenAt > REMEMBER_MS) {
      this.#seenAt = now;
      this.#seen = this.#read();
    }
    return this.#seen;
  }

  async #read(): Promise<readonly Open[]> {
    const { rows } = await sql<Open>`
      select state, count(*) as count, min(created_at) as oldest from delivery
      where ended_at is null group by state`.execute(this.db);
    return rows;
  }
}

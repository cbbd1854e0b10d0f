import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/index.js';

/** Tokens of one bucket that a process asks for. */
export interface Asked {
  readonly name: string;
  readonly wanted: number;
  readonly perSecond: number;
  readonly capacity: number;
}

export interface Granted {
  /** Whole tokens, at most what was wanted; from now on nobody else has them. */
  readonly granted: number;
  /** What is left in the bucket for all processes. */
  readonly tokens: number;
}

/**
 * Takes tokens out of shared buckets, each at most once in `asked`, and refills them by the database's
 * clock: no process can make a bucket give more than its capacity and its rate.
 */
export async function leaseTokens(
  db: Kysely<Tables>,
  asked: readonly Asked[],
): Promise<readonly Granted[]> {
  const ordered = asked.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { rows } = await sql<Granted & { name: string }>`
    insert into budget as b (name, tokens, granted, per_second, capacity, refilled_at)
    select name, capacity - least(wanted, capacity), least(wanted, capacity), per_second, capacity,
      clock_timestamp()
    from unnest(${ordered.map((one) => one.name)}::text[],
      ${ordered.map((one) => one.wanted)}::double precision[],
      ${ordered.map((one) => one.perSecond)}::double precision[],
      ${ordered.map((one) => one.capacity)}::double precision[]
    ) as t(name, wanted, per_second, capacity)
    on conflict (name) do update set
      granted = floor(least(excluded.granted, ${refilled})),
      tokens = ${refilled} - floor(least(excluded.granted, ${refilled})),
      per_second = excluded.per_second, capacity = excluded.capacity,
      refilled_at = greatest(b.refilled_at, excluded.refilled_at)
    returning name, granted, tokens`.execute(db);
  const byName = new Map(rows.map((row) => [row.name, row]));
  return asked.map(({ name }) => byName.get(name) ?? { granted: 0, tokens: 0 });
}

const refilled = sql`least(excluded.capacity, b.tokens + excluded.per_second
  * greatest(0, extract(epoch from excluded.refilled_at - b.refilled_at)::double precision))`;

/** Forgets buckets that have filled up: they are as good as new ones. */
export async function forgetFullBuckets(db: Kysely<Tables>): Promise<void> {
  await sql`delete from budget
    where refilled_at < now() - make_interval(secs => capacity / per_second + 1)`.execute(db);
}

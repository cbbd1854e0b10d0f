import { type Kysely, sql, type Transaction } from 'kysely';
import type { Tables } from '../platform/index.js';

const DAY_MS = 86_400_000;
const EMPTIED = 'emptied';

/**
 * Erases the contents of whole days before `before`: the envelopes' rows stay, with digest and `erased_at`,
 * and their space is given back at once. A day is skipped while a delivery of it has not ended.
 *
 * A day is written anew without bodies beside the old one, then takes its place: readers wait only for
 * the exchange of the two, not for the writing.
 */
export async function emptyDays(db: Kysely<Tables>, before: Date, at: Date): Promise<void> {
  for (const day of await daysToEmpty(db, before))
    await db.transaction().execute((tx) => emptyDay(tx, day, at));
}

/** A partition of `envelope`, by its day as `YYYYMMDD`. */
async function daysToEmpty(db: Kysely<Tables>, before: Date): Promise<string[]> {
  const last = before.toISOString().slice(0, 10).replaceAll('-', '');
  const { rows } = await sql<{ day: string }>`
    select right(c.relname, 8) as day from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    where p.oid = 'envelope'::regclass and c.relname ~ '^envelope_[0-9]{8}$'
      and right(c.relname, 8) < ${last}
      and obj_description(c.oid, 'pg_class') is distinct from ${EMPTIED}
    order by 1`.execute(db);
  return rows.map((row) => row.day);
}

async function emptyDay(tx: Transaction<Tables>, day: string, at: Date): Promise<void> {
  const old = sql.table(`envelope_${day}`);
  const fresh = sql.table(`envelope_${day}_${EMPTIED}`);
  const { from, to } = boundsOf(day);
  // By name and not for all: one process empties this day, the others go on.
  const { rows } = await sql<{ mine: boolean }>`
    select pg_try_advisory_xact_lock(hashtext(${`empty ${day}`})) and not exists (
      select 1 from delivery d where d.ended_at is null
        and d.envelope_id >= uuid_floor(${from}) and d.envelope_id < uuid_floor(${to})
    ) and obj_description(to_regclass(${`envelope_${day}`}), 'pg_class')
      is distinct from ${EMPTIED} as mine`.execute(tx);
  if (rows[0]?.mine !== true) return;
  await sql`set local statement_timeout = 0`.execute(tx);
  const bounds = await sql<{ low: string; high: string }>`
    select uuid_floor(${from})::text as low, uuid_floor(${to})::text as high`.execute(tx);
  const { low = '', high = '' } = bounds.rows[0] ?? {};
  await sql`create table ${fresh} (like ${old} including all,
    constraint of_day check (id >= ${sql.lit(low)} and id < ${sql.lit(high)}))`.execute(tx);
  await sql`insert into ${fresh} select ${await columnsWithoutBody(tx, at)} from ${old}`.execute(
    tx,
  );
  await sql`drop table ${old}`.execute(tx);
  await sql`alter table ${fresh} rename to ${sql.ref(`envelope_${day}`)}`.execute(tx);
  // Its own constraint says that the rows belong there, so they are not read again under the lock.
  await sql`alter table envelope attach partition ${old}
    for values from (${sql.lit(low)}) to (${sql.lit(high)})`.execute(tx);
  await sql`alter table ${old} drop constraint of_day`.execute(tx);
  await sql`comment on table ${old} is ${sql.lit(EMPTIED)}`.execute(tx);
}

async function columnsWithoutBody(
  tx: Transaction<Tables>,
  at: Date,
): Promise<ReturnType<typeof sql.join>> {
  const { rows } = await sql<{ name: string }>`
    select attname as name from pg_attribute
    where attrelid = 'envelope'::regclass and attnum > 0 and not attisdropped
    order by attnum`.execute(tx);
  return sql.join(
    rows.map(({ name }) => {
      if (name === 'body') return sql`''`;
      return name === 'erased_at' ? sql`coalesce(erased_at, ${at})` : sql.ref(name);
    }),
  );
}

function boundsOf(day: string): { from: Date; to: Date } {
  const from = new Date(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`);
  return { from, to: new Date(from.getTime() + DAY_MS) };
}

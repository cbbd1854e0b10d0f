import { type Kysely, sql } from 'kysely';
import type { Tables } from '../platform/index.js';

const BATCH = 5_000;

/**
 * Drops the partitions of days before `before` and deletes identities, deliveries and receipts as old,
 * in small batches. Identity outlives `exp` and leeway by far, so nothing pruned can be replayed.
 */
export async function pruneLedger(db: Kysely<Tables>, before: Date): Promise<void> {
  await dropPartitions(db, before);
  await inBatches(db, 'identity', 'accepted_at', before);
  await inBatches(db, 'receipt', 'created_at', before);
  await inBatches(db, 'delivery', 'ended_at', before);
}

async function dropPartitions(db: Kysely<Tables>, before: Date): Promise<void> {
  const day = before.toISOString().slice(0, 10).replaceAll('-', '');
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    where p.relname in ('envelope', 'attempt') and c.relname ~ '_[0-9]{8}$'
      and right(c.relname, 8) < ${day}`.execute(db);
  for (const { name } of rows) await sql`drop table if exists ${sql.table(name)}`.execute(db);
}

async function inBatches(
  db: Kysely<Tables>,
  table: string,
  column: string,
  before: Date,
): Promise<void> {
  let deleted = 0n;
  do {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where ctid in (
        select ctid from ${sql.table(table)} where ${sql.ref(column)} < ${before} limit ${BATCH}
      )`.execute(db);
    deleted = numAffectedRows ?? 0n;
  } while (deleted === BigInt(BATCH));
}

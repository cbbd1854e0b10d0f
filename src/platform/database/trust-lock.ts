import { type Kysely, sql, type Transaction } from 'kysely';
import type { Tables } from './tables.js';

// One number for the whole database: the lock lives in shared memory and costs no row a write.
const TRUST = 7_370_001;

/**
 * Runs `work` on trust as it is: keys, grants, partners and endpoints that it reads in later
 * statements cannot change until it commits.
 *
 * With `changeTrust` this is the commit rule of DESIGN.md section 3: after a revocation has been
 * answered, no acceptance commits and no attempt or lease begins that it forbids, in any process.
 */
export function underTrust<T>(
  db: Kysely<Tables>,
  work: (tx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    // A statement of its own: the snapshot of the next one is taken after the lock is held.
    await sql`select pg_advisory_xact_lock_shared(${sql.lit(TRUST)})`.execute(tx);
    return work(tx);
  });
}

/** Runs `work`, which withdraws or changes trust, alone: whatever relied on the old state has committed. */
export function changeTrust<T>(
  db: Kysely<Tables>,
  work: (tx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(TRUST)})`.execute(tx);
    return work(tx);
  });
}

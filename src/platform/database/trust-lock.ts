import { type Kysely, sql, type Transaction } from 'kysely';
import { LOCKS } from './locks.js';
import type { Tables } from './tables.js';

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
    await sql`select pg_advisory_xact_lock_shared(${sql.lit(LOCKS.trust)})`.execute(tx);
    return work(tx);
  });
}

/** Runs `work`, which withdraws or changes trust, alone: whatever relied on the old state has committed. */
export function changeTrust<T>(
  db: Kysely<Tables>,
  work: (tx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCKS.trust)})`.execute(tx);
    return work(tx);
  });
}

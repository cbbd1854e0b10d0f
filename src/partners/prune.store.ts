import { type Kysely, sql } from 'kysely';
import { LEEWAY_SECONDS } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

/** Rows of one statement: small enough that nobody waits for it. */
const BATCH_ROWS = 1_000;
/** Statements of one call: what is left over goes with the next. */
const MAX_BATCHES = 20;

export interface Pruned {
  readonly registrations: number;
  readonly invites: number;
  readonly usedTokens: number;
}

/**
 * Deletes what has expired: registrations that nobody approved, invites, and the `jti` of tokens that
 * are refused for their age by now. Any number of processes may do it at once.
 */
export async function prunePartners(db: Kysely<Tables>, now: Date): Promise<Pruned> {
  // Twice the leeway: verification takes a token until one leeway after it expired, by its own clock.
  const tooOld = new Date(now.getTime() - 2 * LEEWAY_SECONDS * 1000);
  return {
    registrations: await prune(db, 'registration', now),
    invites: await prune(db, 'invite', now),
    usedTokens: await prune(db, 'used_token', tooOld),
  };
}

async function prune(
  db: Kysely<Tables>,
  table: 'registration' | 'invite' | 'used_token',
  before: Date,
): Promise<number> {
  let pruned = 0;
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const { numAffectedRows = 0n } = await sql`
      delete from ${sql.table(table)} where ctid = any (array(
        select ctid from ${sql.table(table)} where expires_at < ${before}
        limit ${sql.lit(BATCH_ROWS)} for update skip locked))
    `.execute(db);
    pruned += Number(numAffectedRows);
    if (numAffectedRows < BATCH_ROWS) break;
  }
  return pruned;
}

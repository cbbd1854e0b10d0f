import { type Kysely, sql } from 'kysely';
import type { PublicJwk } from '../crypto/index.js';
import type { KeyId } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

/**
 * Notes that the keys are in service now. Rows are never deleted: what a key signed can be verified
 * for ever.
 *
 * Answers the kids that stand for another key already; those are left as they are.
 */
export async function noteInService(
  db: Kysely<Tables>,
  keys: readonly PublicJwk[],
  at: Date,
): Promise<readonly KeyId[]> {
  // Always in the same order: two processes that start together would deadlock otherwise.
  const sorted = keys.toSorted((one, other) => (one.kid < other.kid ? -1 : 1));
  const noted = await db
    .insertInto('exchange_key')
    .values(
      sorted.map((jwk) => ({
        kid: jwk.kid,
        jwk: JSON.stringify(jwk),
        first_used_at: at,
        last_used_at: at,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .column('kid')
        .doUpdateSet({
          last_used_at: sql<Date>`greatest(exchange_key.last_used_at, excluded.last_used_at)`,
        })
        .whereRef('exchange_key.jwk', '=', 'excluded.jwk'),
    )
    .returning('kid')
    .execute();
  return keys.map((jwk) => jwk.kid).filter((kid) => noted.every((row) => row.kid !== kid));
}

/** The public key that some process has had in service since `since`. */
export async function findInService(
  db: Kysely<Tables>,
  kid: KeyId,
  since: Date,
): Promise<Record<string, unknown> | undefined> {
  const row = await db
    .selectFrom('exchange_key')
    .select('jwk')
    .where('kid', '=', kid)
    .where('last_used_at', '>=', since)
    .executeTakeFirst();
  return row?.jwk;
}

/** Every public key the exchange ever signed with, the oldest first. */
export async function allExchangeKeys(
  db: Kysely<Tables>,
): Promise<readonly { jwk: Record<string, unknown>; first_used_at: Date; last_used_at: Date }[]> {
  return db
    .selectFrom('exchange_key')
    .select(['jwk', 'first_used_at', 'last_used_at'])
    .orderBy('first_used_at')
    .orderBy('kid')
    .execute();
}

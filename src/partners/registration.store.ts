import { type Kysely, type Selectable, sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import { LOCKS, type RegistrationTable, type StoredKey, type Tables } from '../platform/index.js';

export type Registration = Selectable<RegistrationTable>;

/** Lets one registration at a time count and add, so that the bounds on what is pending are exact. */
export async function lockPending(tx: Kysely<Tables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCKS.pending)})`.execute(tx);
}

/** How many wait now, in all and for this id. */
export async function countPending(
  tx: Kysely<Tables>,
  id: PartnerId,
  now: Date,
): Promise<{ readonly all: number; readonly ofId: number }> {
  const { all, ofId } = await tx
    .selectFrom('registration')
    .select((eb) => [
      eb.fn.countAll<string>().as('all'),
      eb.fn.countAll<string>().filterWhere('partner_id', '=', id).as('ofId'),
    ])
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow();
  return { all: Number(all), ofId: Number(ofId) };
}

export async function insertRegistration(
  tx: Kysely<Tables>,
  registration: Omit<Registration, 'keys'> & { readonly keys: readonly StoredKey[] },
): Promise<void> {
  await tx
    .insertInto('registration')
    .values({ ...registration, keys: JSON.stringify(registration.keys) })
    .execute();
}

/** What waits for these ids, oldest first. */
export function pendingOf(
  db: Kysely<Tables>,
  ids: readonly PartnerId[],
  now: Date,
): Promise<Registration[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('registration')
    .selectAll()
    .where('partner_id', 'in', ids)
    .where('expires_at', '>', now)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

export async function deleteRegistrationsOf(tx: Kysely<Tables>, id: PartnerId): Promise<void> {
  await tx.deleteFrom('registration').where('partner_id', '=', id).execute();
}

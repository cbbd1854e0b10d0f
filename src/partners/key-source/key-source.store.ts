import { type Selectable, sql } from 'kysely';
import type { AdmittedKey } from '../../crypto/index.js';
import type { KeyId, PartnerId, Thumbprint } from '../../envelope/index.js';
import type { Db, KeySourceTable, PendingKeyTable } from '../../platform/index.js';
import type { PartnerKeyRow } from '../key.store.js';
import type { FetchedSet } from './fetch-key-set.js';

export type KeySource = Selectable<KeySourceTable>;
export type PendingKey = Selectable<PendingKeyTable>;

/** From now on the partner's set is at this URL; it is fetched at once. */
export async function putSource(db: Db, owner: PartnerId, url: string, now: Date): Promise<void> {
  const fresh = { url, etag: null, sha256: null, due_at: now, failure: null };
  await db
    .insertInto('key_source')
    .values({
      ...fresh,
      partner_id: owner,
      asked_at: null,
      fetched_at: null,
      good_until: null,
      created_at: now,
    })
    .onConflict((conflict) => conflict.column('partner_id').doUpdateSet(fresh))
    .execute();
}

/** False when there was none. Keys that came from it stay as keys of their own. */
export async function removeSource(db: Db, owner: PartnerId): Promise<boolean> {
  await db.deleteFrom('pending_key').where('partner_id', '=', owner).execute();
  await db
    .updateTable('partner_key')
    .set({ good_until: null })
    .where('partner_id', '=', owner)
    .where('good_until', 'is not', null)
    .execute();
  const { numDeletedRows } = await db
    .deleteFrom('key_source')
    .where('partner_id', '=', owner)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export function findSource(db: Db, owner: PartnerId): Promise<KeySource | undefined> {
  return db.selectFrom('key_source').selectAll().where('partner_id', '=', owner).executeTakeFirst();
}

/** Makes it due now, unless its partner asked after `lastAskedBefore`; false then. */
export async function askForSource(
  db: Db,
  owner: PartnerId,
  now: Date,
  lastAskedBefore: Date,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('key_source')
    .set({ due_at: now, asked_at: now })
    .where('partner_id', '=', owner)
    .where((eb) => eb.or([eb('asked_at', 'is', null), eb('asked_at', '<=', lastAskedBefore)]))
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** The sources that are due, each to one of any number of callers; due again at `until` if it is lost. */
export async function claimSources(
  db: Db,
  now: Date,
  until: Date,
  most: number,
): Promise<readonly KeySource[]> {
  const { rows } = await sql<KeySource>`
    update key_source set due_at = ${until} where partner_id in (
      select partner_id from key_source where due_at <= ${now}
      order by due_at limit ${most} for update skip locked
    ) returning *`.execute(db);
  return rows;
}

export async function sourceFailed(
  db: Db,
  owner: PartnerId,
  failure: string,
  dueAt: Date,
): Promise<void> {
  await db
    .updateTable('key_source')
    .set({ failure, due_at: dueAt })
    .where('partner_id', '=', owner)
    .execute();
}

export interface Fetched {
  readonly set: FetchedSet;
  readonly at: Date;
  readonly dueAt: Date;
  readonly goodUntil: Date;
}

/** Notes what was had from the URL, and lets the keys that came from it serve on. */
export async function sourceFetched(
  db: Db,
  source: KeySource,
  { set, at, dueAt, goodUntil }: Fetched,
): Promise<void> {
  await db
    .updateTable('key_source')
    .set({
      etag: set.etag,
      sha256: set.sha256,
      fetched_at: at,
      due_at: dueAt,
      good_until: goodUntil,
      failure: null,
    })
    .where('partner_id', '=', source.partner_id)
    .where('url', '=', source.url)
    .execute();
  await db
    .updateTable('partner_key')
    .set({ good_until: goodUntil })
    .where('partner_id', '=', source.partner_id)
    .where('good_until', 'is not', null)
    .execute();
}

/** From now on the keys come from the set: they end with it, and when they are gone from it. */
export async function govern(
  db: Db,
  owner: PartnerId,
  kids: readonly KeyId[],
  goodUntil: Date,
): Promise<void> {
  if (kids.length === 0) return;
  await db
    .updateTable('partner_key')
    .set({ good_until: goodUntil })
    .where('partner_id', '=', owner)
    .where('kid', 'in', kids)
    .execute();
}

export function everyKey(db: Db, owner: PartnerId): Promise<PartnerKeyRow[]> {
  return db.selectFrom('partner_key').selectAll().where('partner_id', '=', owner).execute();
}

export function pendingKeys(db: Db, owner: PartnerId): Promise<PendingKey[]> {
  return db
    .selectFrom('pending_key')
    .selectAll()
    .where('partner_id', '=', owner)
    .orderBy('kid')
    .execute();
}

/** What waits is what the newest set says, and nothing else. */
export async function replacePending(
  db: Db,
  owner: PartnerId,
  keys: readonly AdmittedKey[],
  now: Date,
): Promise<void> {
  await db.deleteFrom('pending_key').where('partner_id', '=', owner).execute();
  if (keys.length === 0) return;
  await db
    .insertInto('pending_key')
    .values(
      keys.map(({ kid, use, alg, jkt, jwk }) => ({
        partner_id: owner,
        kid,
        use,
        alg,
        jkt,
        jwk: JSON.stringify(jwk),
        seen_at: now,
      })),
    )
    .execute();
}

/** The key no longer waits: it is to be the partner's. Undefined when no such key waits. */
export function takePending(
  db: Db,
  owner: PartnerId,
  kid: KeyId,
  jkt: string,
): Promise<PendingKey | undefined> {
  return db
    .deleteFrom('pending_key')
    .where('partner_id', '=', owner)
    .where('kid', '=', kid)
    .where('jkt', '=', sql<Thumbprint>`${jkt}`)
    .returningAll()
    .executeTakeFirst();
}

/** A key that waited in the set comes from it, from the moment it is the partner's. */
export async function comesFromSource(db: Db, owner: PartnerId, kid: KeyId): Promise<void> {
  await sql`update partner_key k set good_until = s.good_until from key_source s
    where s.partner_id = k.partner_id and k.partner_id = ${owner} and k.kid = ${kid}`.execute(db);
}

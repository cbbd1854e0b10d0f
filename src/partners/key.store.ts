import type { Kysely, Selectable } from 'kysely';
import type { KeyId, PartnerId, Thumbprint } from '../envelope/index.js';
import type { PartnerKeyTable, StoredKey, Tables } from '../platform/index.js';
import type { PageAsked } from './page.js';
import { beyond } from './page.store.js';

export type PartnerKeyRow = Selectable<PartnerKeyTable>;

/** Fails on `partner_key_jkt_key` or `partner_key_pkey` when key material or kid was ever used before. */
export async function insertKeys(
  tx: Kysely<Tables>,
  partnerId: PartnerId,
  keys: readonly StoredKey[],
  now: Date,
): Promise<void> {
  await tx
    .insertInto('partner_key')
    .values(
      keys.map(({ jwk, ...key }) => ({
        ...key,
        partner_id: partnerId,
        jwk: JSON.stringify(jwk),
        status: 'active' as const,
        not_before: null,
        not_after: null,
        created_at: now,
        retired_at: null,
        revoked_at: null,
        revoked_since: null,
        revoked_reason: null,
      })),
    )
    .execute();
}

/** Whether any of these keys was ever approved for anybody. */
export async function anyRegistered(
  db: Kysely<Tables>,
  jkts: readonly Thumbprint[],
): Promise<boolean> {
  const row = await db
    .selectFrom('partner_key')
    .select('jkt')
    .where('jkt', 'in', jkts)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export function findKey(
  db: Kysely<Tables>,
  owner: PartnerId,
  kid: KeyId,
): Promise<PartnerKeyRow | undefined> {
  return db
    .selectFrom('partner_key')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('kid', '=', kid)
    .executeTakeFirst();
}

export function pageOfKeys(
  db: Kysely<Tables>,
  owner: PartnerId,
  { limit, after = '' }: PageAsked,
): Promise<PartnerKeyRow[]> {
  return db
    .selectFrom('partner_key')
    .selectAll()
    .where('partner_id', '=', owner)
    .where(beyond('kid', after))
    .orderBy('kid')
    .limit(limit)
    .execute();
}

/** All keys of the partner that were not revoked; by kid. */
export function standingKeys(db: Kysely<Tables>, owner: PartnerId): Promise<PartnerKeyRow[]> {
  return db
    .selectFrom('partner_key')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('status', '<>', 'revoked')
    .orderBy('kid')
    .execute();
}

/** Active, and within its own validity. */
export function isUsable(key: PartnerKeyRow, now: Date): boolean {
  return (
    key.status === 'active' &&
    (key.not_before === null || key.not_before <= now) &&
    (key.not_after === null || key.not_after > now)
  );
}

/** From active to retired; nothing else moves. */
export async function retireKey(
  tx: Kysely<Tables>,
  owner: PartnerId,
  kid: KeyId,
  now: Date,
): Promise<void> {
  await tx
    .updateTable('partner_key')
    .set({ status: 'retired', retired_at: now })
    .where('partner_id', '=', owner)
    .where('kid', '=', kid)
    .where('status', '=', 'active')
    .execute();
}

export interface Revocation {
  readonly at: Date;
  /** From when on the key may have been in other hands. */
  readonly since: Date | null;
  readonly reason: string | null;
}

/** Revokes one key, or without `kid` all keys of the partner. A revocation is never changed. */
export async function revokeKeys(
  tx: Kysely<Tables>,
  owner: PartnerId,
  { at, since, reason }: Revocation,
  kid?: KeyId,
): Promise<void> {
  const all = tx
    .updateTable('partner_key')
    .set({ status: 'revoked', revoked_at: at, revoked_since: since, revoked_reason: reason })
    .where('partner_id', '=', owner)
    .where('status', '<>', 'revoked');
  await (kid === undefined ? all : all.where('kid', '=', kid)).execute();
}

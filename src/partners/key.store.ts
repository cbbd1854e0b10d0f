import type { Kysely, Selectable } from 'kysely';
import {
  type KeyId,
  LEEWAY_SECONDS,
  MAX_LIFETIME_SECONDS,
  type PartnerId,
  type Thumbprint,
} from '../envelope/index.js';
import type { PartnerKeyTable, StoredKey, Tables } from '../platform/index.js';
import type { PageAsked } from './page.js';
import { beyond } from './page.store.js';

export type PartnerKeyRow = Selectable<PartnerKeyTable>;

/** From when on and until when a key may be used; without either, at once and until it is retired. */
export interface Validity {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface NewKeys {
  readonly partnerId: PartnerId;
  readonly keys: readonly StoredKey[];
  readonly validity?: Validity;
}

/** Fails on `partner_key_jkt_key` or `partner_key_pkey` when key material or kid was ever used before. */
export async function insertKeys(
  tx: Kysely<Tables>,
  { partnerId, keys, validity }: NewKeys,
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
        not_before: validity?.notBefore ?? null,
        not_after: validity?.notAfter ?? null,
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

/**
 * Revoked sig keys of which something may still be delivered, for whoever verifies that: what was accepted
 * before `revoked_since`, which lives seven days at most.
 */
export function heldKeys(
  db: Kysely<Tables>,
  owner: PartnerId,
  now: Date,
): Promise<PartnerKeyRow[]> {
  const longestMs = (MAX_LIFETIME_SECONDS + LEEWAY_SECONDS) * 1000;
  return db
    .selectFrom('partner_key')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('use', '=', 'sig')
    .where('status', '=', 'revoked')
    .where('revoked_since', '>', new Date(now.getTime() - longestMs))
    .orderBy('kid')
    .execute();
}

/** Active, and within its own validity; the same rule as `key_is_usable` of the ledger. */
export function isUsable(key: PartnerKeyRow, now: Date): boolean {
  const end = endOf(key);
  return (
    key.status === 'active' &&
    (key.not_before === null || key.not_before <= now) &&
    (end === null || end > now)
  );
}

/** When it ends by itself: its own time, or that of the set at its partner's URL that it came from. */
export function endOf({
  not_after: own,
  good_until: ofSet,
}: Pick<PartnerKeyRow, 'not_after' | 'good_until'>): Date | null {
  if (own === null || ofSet === null) return own ?? ofSet;
  return own < ofSet ? own : ofSet;
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

/**
 * Revokes one key, or without `kid` all keys of the partner. A revocation is never changed. What was
 * accepted with it and waits is then stopped by a worker, which is told by `keys`.
 */
export async function revokeKeys(
  tx: Kysely<Tables>,
  owner: PartnerId,
  { at, since, reason }: Revocation,
  kid?: KeyId,
): Promise<void> {
  const all = tx
    .updateTable('partner_key')
    .set({
      status: 'revoked',
      revoked_at: at,
      revoked_since: since,
      revoked_reason: reason,
      stop_due_at: at,
    })
    .where('partner_id', '=', owner)
    .where('status', '<>', 'revoked');
  await (kid === undefined ? all : all.where('kid', '=', kid)).execute();
}

import type { Kysely, Selectable } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { GrantTable, Tables } from '../platform/index.js';
import type { PageAsked } from './page.js';
import { beyond } from './page.store.js';

export type Grant = Selectable<GrantTable>;

export function findGrant(
  db: Kysely<Tables>,
  recipient: PartnerId,
  sender: PartnerId,
): Promise<Grant | undefined> {
  return db
    .selectFrom('partner_grant')
    .selectAll()
    .where('recipient', '=', recipient)
    .where('sender', '=', sender)
    .executeTakeFirst();
}

export function pageOfGrants(
  db: Kysely<Tables>,
  recipient: PartnerId,
  { limit, after = '' }: PageAsked,
): Promise<Grant[]> {
  return db
    .selectFrom('partner_grant')
    .selectAll()
    .where('recipient', '=', recipient)
    .where(beyond('sender', after))
    .orderBy('sender')
    .limit(limit)
    .execute();
}

export async function countGrants(db: Kysely<Tables>, recipient: PartnerId): Promise<number> {
  const { count } = await db
    .selectFrom('partner_grant')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('recipient', '=', recipient)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export interface GrantAsked {
  readonly recipient: PartnerId;
  readonly sender: PartnerId;
  readonly types: readonly string[];
  readonly sealedOnly: boolean;
  readonly algorithms?: readonly string[] | undefined;
}

export function upsertGrant(tx: Kysely<Tables>, grant: GrantAsked, now: Date): Promise<Grant> {
  const change = {
    types: [...grant.types],
    sealed_only: grant.sealedOnly,
    algorithms: grant.algorithms === undefined ? null : [...grant.algorithms],
    updated_at: now,
  };
  return tx
    .insertInto('partner_grant')
    .values({ recipient: grant.recipient, sender: grant.sender, created_at: now, ...change })
    .onConflict((conflict) => conflict.columns(['recipient', 'sender']).doUpdateSet(change))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** True when there was one. */
export async function deleteGrant(
  tx: Kysely<Tables>,
  recipient: PartnerId,
  sender: PartnerId,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('partner_grant')
    .where('recipient', '=', recipient)
    .where('sender', '=', sender)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}

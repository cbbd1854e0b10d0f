import type { Kysely, Selectable } from 'kysely';
import { sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { PartnerTable, Tables } from '../platform/index.js';
import type { PageAsked } from './page.js';
import { beyond } from './page.store.js';

export type Partner = Selectable<PartnerTable>;

export function findPartner(db: Kysely<Tables>, id: PartnerId): Promise<Partner | undefined> {
  return db.selectFrom('partner').selectAll().where('id', '=', id).executeTakeFirst();
}

/** As findPartner; whoever else changes what belongs to the partner waits until `tx` ends. */
export function lockPartner(tx: Kysely<Tables>, id: PartnerId): Promise<Partner | undefined> {
  return tx.selectFrom('partner').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

export interface NewPartner {
  readonly id: PartnerId;
  readonly name: string;
  readonly contact: string;
  readonly rs256Allowed: boolean;
  readonly dpopRequired?: boolean;
}

/** A partner that is active from now on. Fails on `partner_pkey` when there is one of this id. */
export function insertPartner(
  tx: Kysely<Tables>,
  partner: NewPartner,
  now: Date,
): Promise<Partner> {
  const { id, name, contact, rs256Allowed, dpopRequired = false } = partner;
  return tx
    .insertInto('partner')
    .values({
      id,
      name,
      contact,
      status: 'active',
      rs256_allowed: rs256Allowed,
      dpop_required: dpopRequired,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** What can be changed of a partner: how it is called, whether it is active, what the operator allows it. */
export type PartnerChange = Partial<
  Pick<Partner, 'name' | 'contact' | 'status' | 'rs256_allowed' | 'dpop_required'>
>;

export function changePartner(
  tx: Kysely<Tables>,
  id: PartnerId,
  change: PartnerChange,
  now: Date,
): Promise<Partner> {
  return tx
    .updateTable('partner')
    .set({ ...change, updated_at: now })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The viewer itself, and every partner with a grant between the two, either way; by id. */
export function visiblePartners(
  db: Kysely<Tables>,
  viewer: PartnerId,
  { limit, after = '' }: PageAsked,
): Promise<Partner[]> {
  return visibleTo(db, viewer).where(beyond('id', after)).orderBy('id').limit(limit).execute();
}

export function findVisiblePartner(
  db: Kysely<Tables>,
  viewer: PartnerId,
  id: PartnerId,
): Promise<Partner | undefined> {
  return visibleTo(db, viewer).where('id', '=', id).executeTakeFirst();
}

function visibleTo(db: Kysely<Tables>, viewer: PartnerId) {
  return db
    .selectFrom('partner')
    .selectAll('partner')
    .where((eb) =>
      eb.or([
        eb('partner.id', '=', viewer),
        eb.exists(
          eb
            .selectFrom('partner_grant')
            .select(sql.lit(1).as('one'))
            .where('recipient', '=', viewer)
            .whereRef('sender', '=', 'partner.id'),
        ),
        eb.exists(
          eb
            .selectFrom('partner_grant')
            .select(sql.lit(1).as('one'))
            .where('sender', '=', viewer)
            .whereRef('recipient', '=', 'partner.id'),
        ),
      ]),
    );
}

/** Ids of all partners and of all that wait to become one; by id. */
export async function allIds(
  db: Kysely<Tables>,
  { limit, after = '' }: PageAsked,
  now: Date,
): Promise<PartnerId[]> {
  const rows = await db
    .selectFrom('partner')
    .select('id')
    .where(beyond('id', after))
    .union(
      db
        .selectFrom('registration')
        .select('partner_id as id')
        .where(beyond('partner_id', after))
        .where('expires_at', '>', now),
    )
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

export function partnersOf(db: Kysely<Tables>, ids: readonly PartnerId[]): Promise<Partner[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db.selectFrom('partner').selectAll().where('id', 'in', ids).execute();
}

import type { Kysely, Selectable } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { EndpointTable, Tables } from '../platform/index.js';
import type { PageAsked } from './page.js';

export type Endpoint = Selectable<EndpointTable>;

const NO_UUID = '00000000-0000-0000-0000-000000000000';

export async function insertEndpoint(tx: Kysely<Tables>, endpoint: Endpoint): Promise<void> {
  await tx.insertInto('endpoint').values(endpoint).execute();
}

export function findEndpoint(
  db: Kysely<Tables>,
  owner: PartnerId,
  id: string,
): Promise<Endpoint | undefined> {
  return db
    .selectFrom('endpoint')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** As findEndpoint; whoever else changes the endpoint waits until `tx` ends. */
export function lockEndpoint(
  tx: Kysely<Tables>,
  owner: PartnerId,
  id: string,
): Promise<Endpoint | undefined> {
  return tx
    .selectFrom('endpoint')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

export function pageOfEndpoints(
  db: Kysely<Tables>,
  owner: PartnerId,
  { limit, after = NO_UUID }: PageAsked,
): Promise<Endpoint[]> {
  return db
    .selectFrom('endpoint')
    .selectAll()
    .where('partner_id', '=', owner)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute();
}

export async function countEndpoints(db: Kysely<Tables>, owner: PartnerId): Promise<number> {
  const { count } = await db
    .selectFrom('endpoint')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('partner_id', '=', owner)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** What an owner can bring about; the URL and its challenge change together or not at all. */
export type EndpointChange = Partial<
  Pick<
    Endpoint,
    | 'url'
    | 'types'
    | 'senders'
    | 'status'
    | 'status_reason'
    | 'challenge'
    | 'challenge_tries'
    | 'challenge_due_at'
  >
>;

/** MUST be called on an endpoint that `tx` has locked. */
export function changeEndpoint(
  tx: Kysely<Tables>,
  id: string,
  change: EndpointChange,
  now: Date,
): Promise<Endpoint> {
  return tx
    .updateTable('endpoint')
    .set({ ...change, updated_at: now })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/**
 * Deletes the endpoint; what waits for it moves to the owner's inbox. Attempts under way end as they
 * end: deliver finds the endpoint gone and moves them then.
 */
export async function deleteEndpoint(tx: Kysely<Tables>, id: string): Promise<void> {
  await tx
    .updateTable('delivery')
    .set({ endpoint_id: null, state: 'available', next_attempt_at: null })
    .where('endpoint_id', '=', id)
    .where('state', '=', 'waiting')
    .execute();
  await tx.deleteFrom('endpoint').where('id', '=', id).execute();
}

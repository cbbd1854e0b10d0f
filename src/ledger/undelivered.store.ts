import { type Kysely, sql } from 'kysely';
import type { KeyId, PartnerId } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';
import {
  type DeliveryFacts,
  FACTS,
  FACTS_JOINS,
  factsOf,
  type FactsRow,
} from './delivery-facts.js';

/** A revoked key: the sender's that signed, or the recipient's that was sealed to. */
export interface RevokedUse {
  readonly owner: PartnerId;
  readonly kid: KeyId;
  readonly use: 'sig' | 'enc';
}

/** Ids of deliveries that have not ended and that the revocation of this key forbids. */
export async function undeliveredOf(
  db: Kysely<Tables>,
  { owner, kid, use }: RevokedUse,
  most: number,
): Promise<readonly string[]> {
  const [whose, with_] = use === 'sig' ? ['sender', 'kid'] : ['recipient', 'sealed_to'];
  const { rows } = await sql<{ id: string }>`
    select d.id from delivery d
    join envelope v on v.id = d.envelope_id and v.${sql.ref(with_)} = ${kid}
    join partner_key k on k.partner_id = ${owner} and k.kid = ${kid}
    where d.ended_at is null and d.${sql.ref(whose)} = ${owner}
      and not key_still_holds(k, v.accepted_at) limit ${most}`.execute(db);
  return rows.map(({ id }) => id);
}

/** The deliveries among `ids`, as they are now. */
export async function factsByIds(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<readonly DeliveryFacts[]> {
  const { rows } = await sql<FactsRow>`
    ${FACTS} from delivery d ${FACTS_JOINS} where d.id = any(${ids}::uuid[])`.execute(db);
  return rows.map(factsOf);
}

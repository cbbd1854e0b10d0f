import { sql } from 'kysely';
import type { KeyId, PartnerId, State, Thumbprint } from '../envelope/index.js';
import type { PartnerKey, Relation, Standing } from '../verify/index.js';

/** A delivery with everything that its verification, hand-over and receipt need, as it is now. */
export interface DeliveryFacts {
  readonly deliveryId: string;
  readonly envelopeId: string;
  readonly state: State;
  readonly attempt: number;
  /** Until when it may be delivered: `exp` and the leeway. */
  readonly exp: Date;
  readonly sender: PartnerId;
  readonly recipient: PartnerId;
  readonly endpointId: string | null;
  readonly createdAt: Date;
  readonly envelope: {
    readonly iss: PartnerId;
    readonly aud: PartnerId;
    readonly jti: string;
    readonly type: string;
    readonly sha256: Uint8Array;
    readonly kid: KeyId;
    readonly jkt: Thumbprint;
    readonly acceptedAt: Date;
    readonly body: string;
    readonly traceId: string | undefined;
  };
  /** The signing key as it is now; undefined when the row's partner has no such key. */
  readonly key: PartnerKey | undefined;
  readonly relation: Relation;
  readonly endpoint:
    { readonly owner: PartnerId; readonly url: string; readonly status: string } | undefined;
}

export const FACTS = sql`
  select d.id, d.envelope_id, d.state, d.attempt, d.exp, d.sender, d.recipient, d.endpoint_id,
    d.created_at, v.iss, v.aud, v.jti, v.type, v.sha256, v.jkt as signed_jkt, v.kid as signed_kid, v.accepted_at,
    v.body, v.trace_id, k.kid, k.use, k.status as key_status, k.jkt as key_jkt, k.jwk,
    k.not_before, k.not_after, k.revoked_since,
    s.status as sender_status, r.status as recipient_status, g.types, g.sealed_only, g.algorithms,
    e.partner_id as endpoint_owner, e.url, e.status as endpoint_status`;

export const FACTS_JOINS = sql`
  left join envelope v on v.id = d.envelope_id
  left join partner_key k on k.partner_id = v.iss and k.kid = v.kid
  left join partner s on s.id = d.sender
  left join partner r on r.id = d.recipient
  left join partner_grant g on g.recipient = d.recipient and g.sender = d.sender
  left join endpoint e on e.id = d.endpoint_id`;

export interface FactsRow {
  id: string | null;
  envelope_id: string;
  state: State;
  attempt: number;
  exp: Date;
  sender: PartnerId;
  recipient: PartnerId;
  endpoint_id: string | null;
  created_at: Date;
  iss: PartnerId;
  aud: PartnerId;
  jti: string;
  type: string;
  sha256: Uint8Array;
  signed_kid: KeyId;
  signed_jkt: Thumbprint;
  accepted_at: Date;
  body: string;
  trace_id: string | null;
  kid: KeyId | null;
  use: 'sig' | 'enc';
  key_status: PartnerKey['status'];
  key_jkt: Thumbprint;
  jwk: PartnerKey['jwk'];
  not_before: Date | null;
  not_after: Date | null;
  revoked_since: Date | null;
  sender_status: Standing | null;
  recipient_status: Standing | null;
  types: string[] | null;
  sealed_only: boolean;
  algorithms: string[] | null;
  endpoint_owner: PartnerId;
  url: string | null;
  endpoint_status: string;
}

export function factsOf(row: FactsRow): DeliveryFacts {
  return {
    deliveryId: row.id ?? '',
    envelopeId: row.envelope_id,
    state: row.state,
    attempt: row.attempt,
    exp: row.exp,
    sender: row.sender,
    recipient: row.recipient,
    endpointId: row.endpoint_id,
    createdAt: row.created_at,
    envelope: {
      iss: row.iss,
      aud: row.aud,
      jti: row.jti,
      type: row.type,
      sha256: row.sha256,
      kid: row.signed_kid,
      jkt: row.signed_jkt,
      acceptedAt: row.accepted_at,
      body: row.body,
      traceId: row.trace_id ?? undefined,
    },
    key: row.kid === null ? undefined : keyOf(row, row.kid),
    relation: {
      sender: row.sender_status ?? undefined,
      recipient: row.recipient_status ?? undefined,
      grant:
        row.types === null
          ? undefined
          : {
              types: row.types,
              sealedOnly: row.sealed_only,
              algorithms: row.algorithms ?? undefined,
            },
    },
    endpoint:
      row.url === null
        ? undefined
        : { owner: row.endpoint_owner, url: row.url, status: row.endpoint_status },
  };
}

function keyOf(row: FactsRow, kid: KeyId): PartnerKey {
  return {
    kid,
    use: row.use,
    status: row.key_status,
    jkt: row.key_jkt,
    jwk: row.jwk,
    notBefore: row.not_before,
    notAfter: row.not_after,
    revokedSince: row.revoked_since,
  };
}

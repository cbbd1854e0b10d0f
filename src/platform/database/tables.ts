import type { ColumnType, Generated, Kysely } from 'kysely';
import type { KeyId, PartnerId, State, Thumbprint } from '../../envelope/index.js';

/** The columns of the ledger, as migrations/ makes them. Times are timestamptz, read as Date. */
export interface Tables {
  partner: PartnerTable;
  registration: RegistrationTable;
  partner_key: PartnerKeyTable;
  key_source: KeySourceTable;
  pending_key: PendingKeyTable;
  invite: InviteTable;
  partner_grant: GrantTable;
  endpoint: EndpointTable;
  used_token: { issuer: string; jti: string; expires_at: Date };
  exchange_key: { kid: string; jwk: Json; first_used_at: Date; last_used_at: Date };
  identity: IdentityTable;
  envelope: EnvelopeTable;
  delivery: DeliveryTable;
  attempt: AttemptTable;
  receipt: ReceiptTable;
  budget: BudgetTable;
  audit: AuditTable;
  audit_head: { seq: string; hash: Uint8Array };
}

/** The ledger, or a transaction of it: what a step hands on to its stores. */
export type Db = Kysely<Tables>;

/** jsonb: read as parsed, written as text. */
type Json<T = Record<string, unknown>> = ColumnType<T, string, string>;

export interface PartnerTable {
  id: PartnerId;
  name: string;
  contact: string;
  status: 'active' | 'suspended';
  rs256_allowed: Generated<boolean>;
  /** Whether it gets access tokens that are bound to a key only (RFC 9449). */
  dpop_required: Generated<boolean>;
  created_at: Date;
  updated_at: Date;
}

export interface RegistrationTable {
  id: string;
  partner_id: PartnerId;
  name: string;
  contact: string;
  keys: Json<readonly StoredKey[]>;
  /** Where its keys came from and will be looked for again. */
  jwks_uri: ColumnType<string | null, string | null | undefined>;
  created_at: Date;
  expires_at: Date;
}

/** A key as a pending registration keeps it: admitted by the policy, not yet anybody's. */
export interface StoredKey {
  readonly kid: KeyId;
  readonly use: 'sig' | 'enc';
  readonly alg: string;
  readonly jkt: Thumbprint;
  readonly jwk: Record<string, unknown>;
  readonly statement: string | null;
}

export interface PartnerKeyTable {
  partner_id: PartnerId;
  kid: KeyId;
  use: 'sig' | 'enc';
  alg: string;
  jkt: Thumbprint;
  jwk: Json;
  statement: string | null;
  status: 'active' | 'retired' | 'revoked';
  not_before: Date | null;
  not_after: Date | null;
  created_at: Date;
  retired_at: Date | null;
  revoked_at: Date | null;
  revoked_since: Date | null;
  revoked_reason: string | null;
  /** Set while a revocation has still to reach what waits. */
  stop_due_at: ColumnType<Date | null, Date | null | undefined>;
  /** When all whom a revocation concerns were told. */
  told_at: ColumnType<Date | null, Date | null | undefined>;
  /** Of a key from its partner's URL: how long the set it was last seen in serves. */
  good_until: ColumnType<Date | null, Date | null | undefined>;
}

/** A JWK Set that is fetched from its partner's URL. */
export interface KeySourceTable {
  partner_id: PartnerId;
  url: string;
  etag: string | null;
  /** Of the set as it was last read: the same again changes nothing. */
  sha256: Uint8Array | null;
  due_at: Date;
  /** When its partner last asked for it to be fetched. */
  asked_at: Date | null;
  fetched_at: Date | null;
  /** How long what was fetched last serves. */
  good_until: Date | null;
  /** Why the last fetch brought nothing; null when it did. */
  failure: string | null;
  created_at: Date;
}

export interface PendingKeyTable {
  partner_id: PartnerId;
  kid: KeyId;
  use: 'sig' | 'enc';
  alg: string;
  jkt: Thumbprint;
  jwk: Json;
  seen_at: Date;
}

export interface InviteTable {
  token_sha256: Uint8Array;
  partner_id: PartnerId;
  created_at: Date;
  expires_at: Date;
  used_at: Date | null;
}

export interface GrantTable {
  recipient: PartnerId;
  sender: PartnerId;
  types: string[];
  sealed_only: Generated<boolean>;
  /** null: every algorithm that the exchange takes. */
  algorithms: string[] | null;
  created_at: Date;
  updated_at: Date;
}

export interface EndpointTable {
  id: string;
  partner_id: PartnerId;
  url: string;
  types: string[];
  senders: string[];
  format: 'jwt';
  status: 'unverified' | 'active' | 'disabled';
  status_reason: string | null;
  challenge: string;
  challenge_tries: Generated<number>;
  challenge_due_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

export interface IdentityTable {
  iss: PartnerId;
  jti: string;
  sha256: Uint8Array;
  envelope_id: string;
  accepted_at: Date;
  receipt: string;
}

export interface EnvelopeTable {
  id: string;
  iss: PartnerId;
  aud: PartnerId;
  jti: string;
  type: string;
  txn: string | null;
  ordering_key: string | null;
  sealed: boolean;
  exp: Date;
  accepted_at: Date;
  sha256: Uint8Array;
  kid: KeyId;
  jkt: Thumbprint;
  /** The recipient's key that the content is sealed to; null when it is open. */
  sealed_to: KeyId | null;
  bytes: number;
  body: string;
  /** W3C trace id of the request that brought it. */
  trace_id: string | null;
  /** When the body was taken out, on request. */
  erased_at: Date | null;
}

export interface DeliveryTable {
  id: string;
  seq: ColumnType<string, never, never>;
  envelope_id: string;
  sender: PartnerId;
  recipient: PartnerId;
  /** null: the inbox. */
  endpoint_id: string | null;
  state: State;
  /** Number of attempts begun. */
  attempt: Generated<number>;
  /** Set while `waiting` and only then. */
  next_attempt_at: Date | null;
  /** When `queued`, `delivering` or `leased` is over unless something happens; set only then. */
  until: Date | null;
  exp: Date;
  bytes: number;
  created_at: Date;
  ended_at: Date | null;
  status: number | null;
  reason: string | null;
  replay_of: string | null;
}

export interface AttemptTable {
  delivery_id: string;
  number: number;
  began_at: Date;
  ended_at: Date | null;
  outcome: string | null;
  status: number | null;
  reason: string | null;
}

export interface ReceiptTable {
  envelope_id: string;
  delivery_id: string | null;
  issuer: string;
  state: string;
  sender: PartnerId;
  recipient: PartnerId;
  created_at: Date;
  token: string;
}

/** What is not `seq`, `entry` and `hash` is made of `entry` by the database. */
export interface AuditTable {
  seq: string;
  entry: string;
  hash: Uint8Array;
  at: ColumnType<string, never, never>;
  actor: ColumnType<string, never, never>;
  action: ColumnType<string, never, never>;
  partner: ColumnType<string, never, never>;
  target: ColumnType<string, never, never>;
}

/** A token bucket that all processes share. */
export interface BudgetTable {
  name: string;
  tokens: number;
  granted: number;
  per_second: number;
  capacity: number;
  refilled_at: Date;
}

import { type Kysely, sql } from 'kysely';

/**
 * The whole ledger of the spine.
 *
 * Bodies and attempts are partitioned by day: the partition key is a UUID v7, whose first 48 bits are
 * milliseconds, so a row is found by its id alone in one partition, and a day is dropped at once.
 * Identity is never partitioned: uniqueness has to hold over the whole retention.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const WHO = [
  `create table partner (
    id text collate "C" primary key,
    name text not null,
    contact text not null,
    status text not null check (status in ('active', 'suspended')),
    rs256_allowed boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  // Pending: reserves neither id nor thumbprint, so any number may wait for the same id.
  `create table registration (
    id uuid primary key,
    partner_id text collate "C" not null,
    name text not null,
    contact text not null,
    keys jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
  )`,
  `create index registration_partner on registration (partner_id)`,
  `create index registration_expiry on registration (expires_at)`,
  // Rows are never deleted and a kid is never reused: this is also the key as it was at acceptance.
  `create table partner_key (
    partner_id text collate "C" not null references partner (id),
    kid text collate "C" not null,
    use text not null check (use in ('sig', 'enc')),
    alg text not null,
    jkt text collate "C" not null unique,
    jwk jsonb not null,
    statement text,
    status text not null check (status in ('active', 'retired', 'revoked')),
    not_before timestamptz,
    not_after timestamptz,
    created_at timestamptz not null,
    retired_at timestamptz,
    revoked_at timestamptz,
    revoked_since timestamptz,
    revoked_reason text,
    primary key (partner_id, kid)
  )`,
  `create table invite (
    token_sha256 bytea primary key,
    partner_id text collate "C" not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
  )`,
  // "grant" is a reserved word of SQL.
  `create table partner_grant (
    recipient text collate "C" not null references partner (id),
    sender text collate "C" not null,
    types text[] not null,
    sealed_only boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (recipient, sender)
  )`,
  `create index partner_grant_sender on partner_grant (sender)`,
  `create table endpoint (
    id uuid primary key,
    partner_id text collate "C" not null references partner (id),
    url text not null,
    types text[] not null,
    senders text[] not null,
    format text not null check (format in ('jwt')),
    status text not null check (status in ('unverified', 'active', 'disabled')),
    status_reason text,
    challenge text not null,
    challenge_tries integer not null default 0,
    challenge_due_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  `create index endpoint_partner on endpoint (partner_id)`,
  `create index endpoint_challenge on endpoint (challenge_due_at) where challenge_due_at is not null`,
  // One-time jti of key proofs, key statements and client assertions.
  `create table used_token (
    issuer text collate "C" not null,
    jti text collate "C" not null,
    expires_at timestamptz not null,
    primary key (issuer, jti)
  )`,
  `create index used_token_expiry on used_token (expires_at)`,
  `create table exchange_key (
    kid text collate "C" primary key,
    jwk jsonb not null,
    first_used_at timestamptz not null,
    last_used_at timestamptz not null
  )`,
];

const WHAT = [
  `create table identity (
    iss text collate "C" not null,
    jti text collate "C" not null,
    sha256 bytea not null,
    envelope_id uuid not null,
    accepted_at timestamptz not null,
    receipt text not null,
    primary key (iss, jti)
  )`,
  `create index identity_age on identity (accepted_at)`,
  `create table envelope (
    id uuid not null,
    iss text collate "C" not null,
    aud text collate "C" not null,
    jti text collate "C" not null,
    type text collate "C" not null,
    txn text collate "C",
    ordering_key text collate "C",
    sealed boolean not null,
    exp timestamptz not null,
    accepted_at timestamptz not null,
    sha256 bytea not null,
    kid text collate "C" not null,
    jkt text collate "C" not null,
    bytes integer not null,
    body text not null,
    trace_id text collate "C",
    primary key (id)
  ) partition by range (id)`,
  `create index envelope_sender on envelope (iss, id desc)`,
  `create index envelope_recipient on envelope (aud, id desc)`,
  `create table delivery (
    id uuid primary key,
    seq bigint generated always as identity,
    envelope_id uuid not null,
    sender text collate "C" not null,
    recipient text collate "C" not null,
    endpoint_id uuid,
    state text not null check (state in ('waiting', 'queued', 'delivering', 'delivered', 'available',
      'leased', 'acknowledged', 'declined', 'rejected', 'expired', 'dead')),
    attempt integer not null default 0,
    next_attempt_at timestamptz,
    until timestamptz,
    exp timestamptz not null,
    bytes integer not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    status integer,
    reason text,
    replay_of uuid,
    constraint ended check ((ended_at is not null) =
      (state in ('delivered', 'acknowledged', 'declined', 'rejected', 'expired', 'dead'))),
    constraint push_or_inbox check (case
      when state in ('queued', 'delivering', 'delivered') then endpoint_id is not null
      when state in ('available', 'leased', 'acknowledged', 'declined') then endpoint_id is null
      else true end),
    constraint due check ((state = 'waiting') = (next_attempt_at is not null)),
    constraint bounded check ((state in ('queued', 'delivering', 'leased')) = (until is not null))
  ) with (fillfactor = 80)`,
  `create index delivery_waiting on delivery (endpoint_id, next_attempt_at, seq)
    where state = 'waiting'`,
  `create index delivery_due on delivery (next_attempt_at) where state = 'waiting'`,
  `create index delivery_busy on delivery (recipient, endpoint_id)
    where state in ('queued', 'delivering')`,
  `create index delivery_overdue on delivery (until) where until is not null`,
  `create index delivery_inbox on delivery (recipient, seq) where state in ('available', 'leased')`,
  `create index delivery_open on delivery (exp) where ended_at is null`,
  `create index delivery_pair on delivery (recipient, sender) include (bytes) where ended_at is null`,
  `create index delivery_envelope on delivery (envelope_id)`,
  `create table attempt (
    delivery_id uuid not null,
    number integer not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    outcome text,
    status integer,
    reason text,
    primary key (delivery_id, number)
  ) partition by range (delivery_id)`,
  `create table receipt (
    envelope_id uuid not null,
    delivery_id uuid,
    issuer text collate "C" not null,
    state text not null,
    sender text collate "C" not null,
    recipient text collate "C" not null,
    created_at timestamptz not null,
    token text not null,
    constraint once unique nulls not distinct (envelope_id, delivery_id, issuer, state)
  )`,
  `create index receipt_age on receipt (created_at)`,
];

const FUNCTIONS = [
  // The lowest UUID v7 of a moment: the bound of a partition.
  `create function uuid_floor(at timestamptz) returns uuid language sql immutable strict as $$
    select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
      || '00000000000000000000')::uuid
  $$`,
  // RFC 9562 section 5.7; PostgreSQL 18 has uuidv7(), but takes no time from its caller.
  `create function uuid_v7(at timestamptz) returns uuid language sql volatile strict as $$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(
      int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
  $$`,
  // The same rule as matchesType in src/envelope/ids.ts; a spec keeps the two equal.
  `create function matches_type(patterns text[], value text) returns boolean
    language sql immutable strict as $$
    select exists (select 1 from unnest(patterns) p where
      case when right(p, 1) = '*' then starts_with(value, left(p, -1)) else p = value end)
  $$`,
  // Makes the partitions of the days from one to another, in UTC; idempotent and safe side by side.
  `create function ensure_partitions(from_day date, to_day date) returns void language plpgsql as $$
    declare
      day date;
      parent text;
      starts timestamptz;
    begin
      perform pg_advisory_xact_lock(7370002);
      for day in select d::date from generate_series(from_day, to_day, interval '1 day') d loop
        starts := day::timestamp at time zone 'UTC';
        foreach parent in array array['envelope', 'attempt'] loop
          execute format(
            'create table if not exists %I partition of %I for values from (%L) to (%L)',
            parent || '_' || to_char(day, 'YYYYMMDD'), parent,
            uuid_floor(starts), uuid_floor(starts + interval '1 day'));
        end loop;
      end loop;
    end
  $$`,
];

const STATEMENTS = [...WHO, ...WHAT, ...FUNCTIONS];

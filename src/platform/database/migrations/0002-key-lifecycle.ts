import { type Kysely, sql } from 'kysely';

/** Keys over their whole life: validity, revocation that acts on what waits, keys that come from a URL. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Set when a revocation has still to reach what was accepted before it; told_at when all were told.
  `alter table partner_key add column stop_due_at timestamptz, add column told_at timestamptz`,
  `create index partner_key_stop on partner_key (stop_due_at) where stop_due_at is not null`,
  // Of a key that came from its partner's URL: how long the set that it was last seen in serves.
  `alter table partner_key add column good_until timestamptz`,
  // A JWK Set that the exchange fetches from a partner's URL.
  `create table key_source (
    partner_id text collate "C" primary key references partner (id),
    url text not null,
    etag text,
    sha256 bytea,
    due_at timestamptz not null,
    asked_at timestamptz,
    fetched_at timestamptz,
    good_until timestamptz,
    failure text,
    created_at timestamptz not null
  )`,
  `create index key_source_due on key_source (due_at)`,
  // Seen in the set of a partner; waits for a statement by an active sig key, or for the operator.
  `create table pending_key (
    partner_id text collate "C" not null references partner (id),
    kid text collate "C" not null,
    use text not null check (use in ('sig', 'enc')),
    alg text not null,
    jkt text collate "C" not null,
    jwk jsonb not null,
    seen_at timestamptz not null,
    primary key (partner_id, kid)
  )`,
  `alter table registration add column jwks_uri text`,
  `alter table envelope add column sealed_to text collate "C"`,
  // The same rules as in src/verify: may the key sign, or be sealed to, at this moment …
  `create function key_is_usable(k partner_key, at timestamptz) returns boolean
    language sql immutable as $$
    select k.status = 'active' and (k.not_before is null or k.not_before <= at)
      and (k.not_after is null or k.not_after > at) and (k.good_until is null or k.good_until > at)
  $$`,
  // … and does what was accepted with it still hold: a revocation since a moment leaves what was before.
  `create function key_still_holds(k partner_key, accepted_at timestamptz) returns boolean
    language sql immutable as $$
    select k.status <> 'revoked' or coalesce(accepted_at < k.revoked_since, false)
  $$`,
];

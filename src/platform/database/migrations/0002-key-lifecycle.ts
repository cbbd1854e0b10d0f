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

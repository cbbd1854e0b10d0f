import { type Kysely, sql } from 'kysely';

/**
 * Whether a partner gets bound tokens only, and the audit trail: one row for each change of who may do what, chained by digest.
 *
 * `entry` is the JSON text that the digest covers; the columns to search by are made of it by the
 * database, so none of them can say anything else. `audit_head` is the last link: without it, rows
 * missing at the end would not be noticed. Its lock makes the numbers gap-free.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const column = (name: string, nullable = false): string =>
  `${name} text collate "C" generated always as ((entry::jsonb) ->> '${name}') stored${nullable ? '' : ' not null'}`;

const STATEMENTS = [
  `alter table partner add column dpop_required boolean not null default false`,
  `create table audit (
    seq bigint primary key check (seq > 0),
    entry text not null,
    hash bytea not null,
    ${column('at')},
    ${column('actor')},
    ${column('action')},
    ${column('partner')},
    ${column('target')}
  )`,
  `create index audit_partner on audit (partner, seq)`,
  `create index audit_actor on audit (actor, seq)`,
  `create table audit_head (
    one boolean primary key default true check (one),
    seq bigint not null,
    hash bytea not null
  )`,
  `insert into audit_head (seq, hash) values (0, sha256('sealpost audit'))`,
  // Whoever owns the table can take this away; it stops slips, the chain shows the rest.
  `create function audit_is_append_only() returns trigger language plpgsql as $$
    begin raise exception 'the audit trail is only ever added to'; end $$`,
  `create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function audit_is_append_only()`,
];

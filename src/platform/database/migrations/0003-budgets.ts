import { type Kysely, sql } from 'kysely';

/** Budgets that several processes share, the algorithms of a grant, and when a content was erased. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // A token bucket by name. Unlogged: what a crash forgets is a few seconds of tokens.
  `create unlogged table budget (
    name text collate "C" primary key,
    tokens double precision not null,
    granted double precision not null,
    per_second double precision not null,
    capacity double precision not null,
    refilled_at timestamptz not null
  ) with (fillfactor = 50)`,
  // null: every algorithm that the exchange takes.
  `alter table partner_grant add column algorithms text[]`,
  `alter table envelope add column erased_at timestamptz`,
];

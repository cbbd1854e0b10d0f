import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { Broken } from '../../envelope/index.js';
import * as spine from './migrations/0001-spine.js';
import * as keyLifecycle from './migrations/0002-key-lifecycle.js';
import * as budgets from './migrations/0003-budgets.js';
import * as audit from './migrations/0004-audit.js';
import type { Tables } from './tables.js';

/** In order; a released one MUST NOT be changed, only followed. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-spine': spine,
  '0002-key-lifecycle': keyLifecycle,
  '0003-budgets': budgets,
  '0004-audit': audit,
};

function migratorOf(db: Kysely<Tables>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
    migrationTableSchema: 'sealpost',
  });
}

/** Brings the schema `sealpost` up to this program. Any number of processes may do it at once. */
export async function migrate(db: Kysely<Tables>): Promise<readonly string[]> {
  const { error, results } = await migratorOf(db).migrateToLatest();
  if (error !== undefined) throw new Broken('the schema could not be migrated', { cause: error });
  return (results ?? []).map((result) => result.migrationName);
}

/** Names of migrations that this program has and the database lacks. */
export async function openMigrations(db: Kysely<Tables>): Promise<readonly string[]> {
  const all = await migratorOf(db).getMigrations();
  return all.filter((one) => one.executedAt === undefined).map((one) => one.name);
}

/** Makes the partitions that `at` needs: from the day before it to nine days after. */
export async function ensurePartitions(db: Kysely<Tables>, at: Date): Promise<void> {
  const day = (offset: number): string =>
    new Date(at.getTime() + offset * 86_400_000).toISOString().slice(0, 10);
  await sql`select ensure_partitions(${day(-1)}::date, ${day(9)}::date)`.execute(db);
}

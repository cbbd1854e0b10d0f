import { sql } from 'kysely';
import { resolve } from 'node:path';
import type { Settings } from '../config/index.js';
import type { Log } from '../log/index.js';
import { connect } from './database.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { migrate } from './migrate.js';

/**
 * Brings the schema up to this program and answers the names of the migrations that were open.
 *
 * Without DATABASE_URL the embedded PostgreSQL is run for that long; throws Broken when a Sealpost that
 * is running has it.
 */
export async function migrateDatabase(settings: Settings, log: Log): Promise<readonly string[]> {
  if (settings.DATABASE_URL !== undefined) return migrateAt(settings.DATABASE_URL, log);
  const embedded = await startEmbeddedPostgres({ dataDir: resolve(settings.DATA_DIR, 'postgres') });
  try {
    return await migrateAt(embedded.url, log);
  } finally {
    await embedded.stop();
  }
}

async function migrateAt(url: string, log: Log): Promise<readonly string[]> {
  const db = connect(url, 1, log);
  try {
    // One connection, so this holds for all that follows: a migration takes as long as its rows need.
    await sql`set statement_timeout = 0`.execute(db);
    await sql`create schema if not exists sealpost`.execute(db);
    return await migrate(db);
  } finally {
    await db.destroy();
  }
}

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import { resolve } from 'node:path';
import { Broken } from '../../envelope/index.js';
import type { Clock } from '../clock.js';
import type { Settings } from '../config/index.js';
import type { Log } from '../log/index.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { ensurePartitions, migrate, openMigrations } from './migrate.js';
import { prepareMarked } from './prepared.js';
import type { Tables } from './tables.js';
import { Wakeups } from './wakeups.js';

/** The ledger's PostgreSQL: opened and migrated, with its wake-ups; closed last at shutdown. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private constructor(
    readonly db: Kysely<Tables>,
    readonly wakeups: Wakeups,
    /** For the queue's PostgreSQL backend; holds a password: MUST NOT be logged. */
    readonly url: string,
    private readonly embedded: EmbeddedPostgres | undefined,
  ) {}

  /** Runs the embedded PostgreSQL when there is no DATABASE_URL. Throws Broken when it cannot be used. */
  static async open(settings: Settings, clock: Clock, log: Log): Promise<Database> {
    const embedded = settings.DATABASE_URL === undefined ? await runEmbedded(settings) : undefined;
    const url = settings.DATABASE_URL ?? embedded?.url ?? '';
    const db = connect(url, settings.DATABASE_POOL, log);
    const wakeups = new Wakeups(url, log);
    try {
      await prepare(db, settings, clock);
      await wakeups.open();
      void embedded?.lost.then(() => endProcess(log));
      return new Database(db, wakeups, url, embedded);
    } catch (error) {
      await wakeups.close();
      await db.destroy();
      await embedded?.stop();
      throw error;
    }
  }

  /** Throws when the ledger does not answer. */
  async ping(): Promise<void> {
    await sql`select 1`.execute(this.db);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.wakeups.close();
    await this.db.destroy();
    await this.embedded?.stop();
  }
}

/** Whoever started us starts us again, and with us a PostgreSQL on the same data. */
function endProcess(log: Log): void {
  log.broken('database.embedded_lost', new Broken('the embedded PostgreSQL ended by itself'));
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}

function runEmbedded(settings: Settings): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir: resolve(settings.DATA_DIR, 'postgres') });
}

/** A pool whose statements see the schema `sealpost`. */
export function connect(url: string, max: number, log: Log): Kysely<Tables> {
  const pool = new Pool({
    connectionString: url,
    max,
    keepAlive: true,
    application_name: 'sealpost',
    options: '-c search_path=sealpost',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 60_000,
  });
  // Without a listener an idle connection that breaks would end the process.
  pool.on('error', (error) => log.broken('database.connection_lost', error));
  // Nor may one that breaks between two statements of a transaction: the next statement fails and says so.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    prepareMarked(client);
  });
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

async function prepare(db: Kysely<Tables>, settings: Settings, clock: Clock): Promise<void> {
  await sql`create schema if not exists sealpost`.execute(db);
  if (settings.MIGRATE_AT_START) await migrate(db);
  const open = await openMigrations(db);
  if (open.length > 0)
    throw new Broken(`the database lacks migrations (${open.join(', ')}): run "npm run migrate"`);
  await ensurePartitions(db, clock.now());
}

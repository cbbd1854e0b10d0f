import 'reflect-metadata';
import { databaseSettingsFromEnvironment, Log, migrateDatabase } from './platform/index.js';

/** Runs open migrations and says which. Answers the exit code: 0 when the schema is up to date, else 1. */
export async function runMigrations(): Promise<number> {
  try {
    const settings = databaseSettingsFromEnvironment();
    const where = settings.embedded ? `the database in ${settings.DATA_DIR}` : 'the database';
    const ran = await migrateDatabase(settings, new Log(settings.LOG_LEVEL));
    if (ran.length === 0) process.stdout.write(`Nothing to do: ${where} is up to date.\n`);
    for (const name of ran) process.stdout.write(`Migrated ${where}: ${name}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`Cannot migrate: ${sayWhy(error)}\n`);
    return 1;
  }
}

function sayWhy(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message.replace(/^Cannot start:\s*/, '')}${cause}`;
}

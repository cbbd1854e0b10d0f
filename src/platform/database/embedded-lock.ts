import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { Broken } from '../../envelope/index.js';

const SQLITE_BUSY = 5;
const POLL_MS = 50;

export interface DataLock {
  /** The directory, made if need be, with every symbolic link resolved. */
  readonly dataDir: string;
  release(): void;
}

/**
 * Makes this process the only one that may touch `dataDir`, or throws Broken after `waitMs`.
 *
 * Node offers no file lock, but its SQLite does: a lock of the kernel that goes with the process however it ends,
 * so that nothing is left behind to be judged stale. Nobody else may open `postgres.lock` in this process:
 * POSIX drops the lock when any descriptor of the file is closed.
 */
export async function lockDataDir(
  dataDir: string,
  waitMs: number,
  log: (line: string) => void,
): Promise<DataLock> {
  const deadline = performance.now() + waitMs;
  for (let look = 1; ; look += 1) {
    const lock = tryLock(dataDir);
    if (lock !== undefined) return lock;
    if (look === 1)
      log(`waiting for another Sealpost (pid ${ownerOf(dataDir)}) to leave ${dataDir}`);
    if (performance.now() > deadline) {
      throw new Broken(`${dataDir} is in use by another Sealpost (pid ${ownerOf(dataDir)})`);
    }
    await delay(POLL_MS);
  }
}

function tryLock(dataDir: string): DataLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true });
    database = new DatabaseSync(join(dataDir, 'postgres.lock'), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(dataDir, 'postgres.owner'), `${process.pid}\n`);
    const held = database;
    return { dataDir: realpathSync(dataDir), release: () => held.close() };
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Broken(`${dataDir} cannot be used for data: ${why}`, { cause });
  }
}

/** Only for the sentence: the lock decides, this file tells. */
function ownerOf(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'postgres.owner'), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

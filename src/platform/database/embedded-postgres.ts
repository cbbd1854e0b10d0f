import { existsSync, renameSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { Broken } from '../../envelope/index.js';
import { chooseRunAs } from './embedded-account.js';
import { embeddedBinaries } from './embedded-binaries.js';
import { clusterDirectory, openCluster, type Cluster } from './embedded-cluster.js';
import { lockDataDir, type DataLock } from './embedded-lock.js';
import { readPostmaster, userOf, waitUntilUnused } from './embedded-postmaster.js';
import { lastLines, supervise, type RunAs, type Supervised } from './embedded-process.js';

/** How long a Sealpost that is just going may take to go. */
const OTHER_GOES_MS = 10_000;
const START_MS = 60_000;
const POLL_MS = 10;
/** A free port can be taken between our look and PostgreSQL's bind; five times in a row it is not chance. */
const STARTS = 5;
const CAN_START_AGAIN = /could not bind|lock file "postmaster\.pid" already exists/;

const noLog = (): void => undefined;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '128MB',
  // Keeps failed statements, and with them contents of envelopes, out of a log that nobody rotates while we run.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  /** Settings of PostgreSQL, over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** `postgres://sealpost:<password>@127.0.0.1:<port>/sealpost`: a secret. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when PostgreSQL ended although nobody called `stop`; else never. */
  readonly lost: Promise<void>;
  /** Fast shutdown; resolves when the postmaster has gone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Runs a real PostgreSQL with its data below `dataDir`, made at first use and kept.
 *
 * It ends with this process, however that ends, and starts again on the same data. Throws Broken when another
 * live Sealpost uses the same data, leaving that one alone.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const binaries = await embeddedBinaries();
  const lock = await lockDataDir(options.dataDir, OTHER_GOES_MS, options.log ?? noLog);
  try {
    const runAs = await chooseRunAs(binaries.postgres, lock.dataDir);
    await waitUntilUnused(clusterDirectory(lock.dataDir), OTHER_GOES_MS);
    const cluster = await openCluster(lock.dataDir, binaries.initdb, runAs);
    const running = await run(binaries.postgres, cluster, runAs, options);
    return handleOf(running, cluster, lock, options);
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface Running {
  readonly process: Supervised;
  readonly pid: number;
  readonly port: number;
}

async function run(
  postgres: string,
  cluster: Cluster,
  runAs: RunAs,
  { settings = {} }: EmbeddedPostgresOptions,
): Promise<Running> {
  keepOneOldLog(cluster.logFile);
  for (let start = 1; ; start += 1) {
    const port = await freePort();
    const previousRun = readPostmaster(cluster.directory)?.run;
    const all = Object.entries({ ...SETTINGS, ...settings, port: String(port) });
    const flags = all.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [postgres, '-D', cluster.directory, ...flags];
    const supervised = supervise(command, runAs, cluster.logFile);
    try {
      const pid = await readyPid(supervised, cluster, previousRun);
      await ensureDatabase(port, cluster.password);
      return { process: supervised, pid, port };
    } catch (error) {
      supervised.end();
      await supervised.gone;
      if (start === STARTS || !CAN_START_AGAIN.test(lastLines(cluster.logFile))) throw error;
      await waitUntilUnused(cluster.directory, OTHER_GOES_MS);
    }
  }
}

function keepOneOldLog(logFile: string): void {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.old`);
}

/** Only a hint: another process may take it before PostgreSQL does. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function readyPid(
  supervised: Supervised,
  { directory, logFile }: Cluster,
  previousRun: string | undefined,
): Promise<number> {
  const deadline = performance.now() + START_MS;
  while (!supervised.hasGone()) {
    const postmaster = readPostmaster(directory);
    // A dead one's file says "ready" as well, until the new one writes over it.
    if (postmaster?.ready === true && postmaster.run !== previousRun) return postmaster.pid;
    if (performance.now() > deadline) {
      const seconds = START_MS / 1000;
      throw new Broken(`PostgreSQL was not ready after ${seconds} s:\n${lastLines(logFile)}`);
    }
    await delay(POLL_MS);
  }
  throw new Broken(`PostgreSQL did not start:\n${lastLines(logFile)}`);
}

function urlOf(port: number, password: string, database: string): string {
  return `postgres://sealpost:${password}@127.0.0.1:${port}/${database}`;
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new Client({
    connectionString: urlOf(port, password, 'postgres'),
    connectionTimeoutMillis: START_MS,
  });
  client.on('error', () => undefined); // the query that follows says it
  try {
    await client.connect();
    const found = await client.query("select from pg_database where datname = 'sealpost'");
    if (found.rowCount === 0) await client.query('create database sealpost');
  } catch (cause) {
    throw new Broken('PostgreSQL started but does not let us in', { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function handleOf(
  { process: supervised, pid, port }: Running,
  { directory, password, logFile }: Cluster,
  lock: DataLock,
  { log = noLog }: EmbeddedPostgresOptions,
): EmbeddedPostgres {
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    supervised.end();
    await supervised.gone;
    // The supervisor may have been killed before its PostgreSQL, which ends all the same.
    while (userOf(directory) !== undefined) await delay(POLL_MS);
    lock.release();
    log(`PostgreSQL (pid ${pid}) has stopped`);
  };
  const { promise: lost, resolve: tellOfLoss } = Promise.withResolvers<void>();
  const watch = async (): Promise<void> => {
    await supervised.gone;
    if (stopped !== undefined) return;
    log(`PostgreSQL (pid ${pid}) ended by itself: see ${logFile}`);
    tellOfLoss();
  };
  void watch();
  log(`PostgreSQL (pid ${pid}) is ready on 127.0.0.1:${port} with its data in ${directory}`);
  return {
    url: urlOf(port, password, 'sealpost'),
    pid,
    lost,
    stop: () => (stopped ??= stop()),
  };
}

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Broken } from '../../envelope/index.js';
import { giveTo } from './embedded-account.js';
import { lastLines, supervise, type RunAs } from './embedded-process.js';

const HOME = 'postgres';
const HALF_MADE = 'postgres.new-';

/** PostgreSQL's files and the password that opens them: made together, moved and backed up together. */
export interface Cluster {
  readonly directory: string;
  readonly password: string;
  readonly logFile: string;
}

export function clusterDirectory(dataDir: string): string {
  return join(dataDir, HOME, 'cluster');
}

/** Opens the cluster below `dataDir`, making it at first use. The caller MUST hold its lock, and nobody use it. */
export async function openCluster(dataDir: string, initdb: string, runAs: RunAs): Promise<Cluster> {
  await removeHalfMade(dataDir);
  const home = join(dataDir, HOME);
  const logFile = join(dataDir, 'postgres.log');
  if (!existsSync(home)) await makeCluster(dataDir, initdb, runAs, logFile);
  await giveTo(runAs.owner, home);
  const password = (await readFile(join(home, 'password'), 'utf8')).trim();
  return { directory: clusterDirectory(dataDir), password, logFile };
}

/** A kill in the middle leaves only a directory that nobody reads: the rename is the moment of birth. */
async function makeCluster(
  dataDir: string,
  initdb: string,
  runAs: RunAs,
  logFile: string,
): Promise<void> {
  const born = join(dataDir, `${HALF_MADE}${randomBytes(4).toString('hex')}`);
  const [cluster, password] = [join(born, 'cluster'), join(born, 'password')];
  await mkdir(born, { mode: 0o700 });
  await mkdir(cluster, { mode: 0o700 });
  await writeFile(password, `${randomBytes(32).toString('base64url')}\n`, {
    mode: 0o600,
    flush: true,
  });
  await giveTo(runAs.owner, born);
  const command = [
    initdb,
    `--pgdata=${cluster}`,
    '--username=sealpost',
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--pwfile=${password}`,
  ];
  if ((await supervise(command, runAs, logFile).gone) !== 0) {
    throw new Broken(
      `PostgreSQL could not make its files below ${dataDir}:\n${lastLines(logFile)}`,
    );
  }
  await syncDirectory(born);
  await rename(born, join(dataDir, HOME));
  await syncDirectory(dataDir);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

/** The retries are for an initdb that is just going because its Sealpost was killed. */
async function removeHalfMade(dataDir: string): Promise<void> {
  for (const name of readdirSync(dataDir).filter((entry) => entry.startsWith(HALF_MADE))) {
    await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 8, retryDelay: 50 });
  }
}

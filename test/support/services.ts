import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/platform/database/embedded-postgres.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL whose user may create databases. */
    postgresUrl: string;
    /** A Redis of this run's own; absent where none is installed. */
    redisUrl: string | undefined;
  }
}

/** Real services for the whole run, on loopback at free ports; all of them end with it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'sealpost-test-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(dir, 'pg'),
    // Tests kill processes, not the machine: nothing has to survive a power cut.
    settings: { fsync: 'off', max_connections: '400' },
  });
  const redis = await startRedis(dir);
  project.provide('postgresUrl', postgres.url);
  project.provide('redisUrl', redis?.url);
  await checkPostgres(postgres.url);
  return async () => {
    await redis?.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
}

async function checkPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('select 1');
  await client.end();
}

async function startRedis(
  dir: string,
): Promise<{ url: string; stop: () => Promise<void> } | undefined> {
  const program = ['redis-server', 'valkey-server'].find(isInstalled);
  if (program === undefined) {
    if (process.env['REQUIRE_ALL'] === '1')
      throw new Error('redis-server or valkey-server is required with REQUIRE_ALL=1');
    process.stdout.write('Skipped: everything on the Redis engine (no redis-server installed)\n');
    return undefined;
  }
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const child = spawn(program, [...args, '--maxmemory-policy', 'noeviction'], { stdio: 'pipe' });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('eady to accept connections')) resolve();
    });
    child.on('exit', () => reject(new Error('redis-server did not start')));
  });
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

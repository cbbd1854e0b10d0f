import { createPostgresBackend, createRedisBackend, withBackend } from 'bullmq';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  admitKey,
  generateKey,
  OpeningKey,
  parseSealed,
  parseToken,
  seal,
  type SealAlg,
  SigningKey,
  type SignAlg,
  VerificationKey,
  verifySignature,
} from '../dist/crypto/index.js';
import { startEmbeddedPostgres } from '../dist/platform/database/embedded-postgres.js';
import { Child } from './child.ts';
import { type EngineName, freePort, startRedis } from './exchange.ts';
import type { Loaded } from './load.ts';

/** CPU of one signature and one verification by jose through our own code, µs. */
export interface CryptoFloor {
  readonly alg: string;
  readonly signUs: number;
  readonly verifyUs: number;
}

const SIGNATURES = 300;

export async function cryptoFloor(alg: SignAlg): Promise<CryptoFloor> {
  const { privateJwk, publicJwk, jkt } = await generateKey('sig', alg);
  const signer = await SigningKey.import(privateJwk);
  const key = await VerificationKey.import(publicJwk, jkt);
  const claims = { iss: 'a', data: 'x'.repeat(600) };
  const tokens: string[] = [];
  const signUs = await cpuOf(SIGNATURES, async () => tokens.push(await signer.sign('t', claims)));
  let i = 0;
  const verifyUs = await cpuOf(SIGNATURES, () =>
    verifySignature(parseToken(tokens[i++ % tokens.length], { typ: 't', maxBytes: 16_384 }), key),
  );
  return { alg, signUs, verifyUs };
}

/** CPU of sealing and opening 600 bytes, and of what the exchange looks at without reading, µs. */
export interface SealingFloor {
  readonly name: string;
  readonly sealUs: number;
  readonly openUs: number;
  readonly exchangeUs: number;
}

export async function sealingFloor(alg: SealAlg, crv?: 'P-256' | 'X25519'): Promise<SealingFloor> {
  const options = crv === undefined ? {} : { crv };
  const { privateJwk, publicJwk } = await generateKey('enc', alg, options);
  const to = await admitKey(publicJwk, { allowRs256: false });
  const opening = await OpeningKey.import(privateJwk);
  const replicated = { iss: 'a', aud: 'b', jti: 'c' } as never;
  const message = 'x'.repeat(600);
  const sealed = await seal(message, { to, replicated });
  return {
    name: crv === undefined ? alg : `${alg} on ${crv}`,
    sealUs: await cpuOf(SIGNATURES, () => seal(message, { to, replicated })),
    openUs: await cpuOf(SIGNATURES, () => opening.open(sealed)),
    exchangeUs: await cpuOf(SIGNATURES, async () => parseSealed(sealed)),
  };
}

async function cpuOf(times: number, once: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < 50; i++) await once();
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) await once();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

/** Requests a second that a bare Fastify answers to the same POST, by the same load generator. */
export async function httpFloor(bodies: readonly string[], concurrency: number): Promise<number> {
  const server = new Child('./bare-http.ts');
  const load = new Child('./load.ts');
  try {
    const { url } = await server.ask<{ url: string }>({});
    const asked = { url, path: '/', type: 'application/jwt', bodies, concurrency };
    const { tookMs } = await load.ask<Loaded>(asked);
    return (bodies.length / tookMs) * 1000;
  } finally {
    await load.end();
    await server.end();
  }
}

/** No-op jobs a second through BullMQ on this engine: added in bulk, worked off 20 at a time. */
export async function queueFloor(engine: EngineName, jobs: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'sealpost-floor-'));
  const { connection, stop } = await openQueue(engine, dir);
  try {
    return await work(engine, connection, jobs);
  } finally {
    await stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function openQueue(
  engine: EngineName,
  dir: string,
): Promise<{ connection: object; stop: () => Promise<void> }> {
  if (engine === 'redis') {
    const port = await freePort();
    const redis = await startRedis(port, dir);
    return {
      connection: { host: '127.0.0.1', port, maxRetriesPerRequest: null },
      stop: async () => {
        const exited = new Promise((resolve) => redis.once('exit', resolve));
        redis.kill('SIGTERM');
        await exited;
      },
    };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: join(dir, 'pg') });
  return {
    connection: { connectionString: postgres.url, max: 24, migrate: true },
    stop: () => postgres.stop(),
  };
}

async function work(engine: EngineName, connection: object, jobs: number): Promise<number> {
  const { Queue, Worker } =
    engine === 'redis' ? withBackend(createRedisBackend) : withBackend(createPostgresBackend);
  const queue = new Queue('floor', { connection: connection as never });
  const start = performance.now();
  const all = Array.from({ length: jobs }, (_, i) => ({
    name: 'noop',
    data: { i },
    opts: { removeOnComplete: true },
  }));
  for (let i = 0; i < jobs; i += 100) await queue.addBulk(all.slice(i, i + 100));
  let done = 0;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const worker = new Worker(
    'floor',
    async () => {
      if (++done === jobs) finish();
    },
    { connection: connection as never, concurrency: 20 },
  );
  worker.on('error', () => undefined);
  queue.on('error', () => undefined);
  await finished;
  const perSecond = (jobs / (performance.now() - start)) * 1000;
  await worker.close();
  await queue.close();
  return perSecond;
}

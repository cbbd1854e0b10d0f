import { createPostgresBackend, createRedisBackend, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { Broken } from '../envelope/index.js';
import type { Database, Log, Settings } from '../platform/index.js';

const QUEUE = 'deliver';
/** Schema of BullMQ's own tables; ours are in `sealpost`. */
const SCHEMA = 'bullmq';
/** Connections of a worker to PostgreSQL: fetching, ending and renewing are short statements. */
const WORKER_POOL = 10;
/** Below these a busy machine takes a worker that is alive for one that died. */
const LEAST_LOCK_MS = 2_000;
const LEAST_LOOK_MS = 1_000;
/** Sweeps that a worker may be silent before its jobs are given to others. */
const LOCK_SWEEPS = 3;

export interface NamedJob {
  /** Derived from delivery and attempt: adding it twice is adding it once. */
  readonly id: string;
  readonly data: unknown;
}

/** The little of BullMQ that we rely on, the same on both engines. */
export interface Engine {
  readonly name: 'redis' | 'postgres';
  add(jobs: readonly NamedJob[]): Promise<void>;
  /** Calls `handle` for each job, at most `concurrency` at once. Call once. */
  consume(handle: (data: unknown) => Promise<void>, concurrency: number): Consumer;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Consumer {
  /** Takes no more jobs; resolves when those under way have ended. */
  close(): Promise<void>;
}

/** BullMQ on Redis or Valkey when there is a REDIS_URL, on the ledger's PostgreSQL otherwise. */
export function openEngine(settings: Settings, database: Database, log: Log): Engine {
  return settings.REDIS_URL === undefined
    ? postgresEngine(database.url, settings, log)
    : redisEngine(settings.REDIS_URL, settings, log);
}

function postgresEngine(url: string, settings: Settings, log: Log): Engine {
  const connection = {
    connectionString: url,
    max: 6,
    keepAlive: true,
    schema: SCHEMA,
    migrate: true,
  };
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const queue = new Queue(QUEUE, { connection });
  queue.on('error', (error) => log.broken('queue.error', error));
  return {
    name: 'postgres',
    add: async (jobs) => void (await queue.addBulk(jobs.map(bulkJob))),
    consume: (handle, concurrency) => {
      const worker = new Worker(QUEUE, ({ data }) => handle(data), {
        connection: { ...connection, max: WORKER_POOL },
        concurrency,
        ...recoveryOf(settings),
      });
      worker.on('error', (error) => log.broken('queue.worker_error', error));
      return worker;
    },
    ping: async () => void (await queue.getJobCounts('wait')),
    close: () => queue.close(),
  };
}

function redisEngine(url: string, settings: Settings, log: Log): Engine {
  const { Queue, Worker } = withBackend(createRedisBackend);
  const prefix = settings.REDIS_PREFIX;
  const connection = redis(url, log);
  const queue = new Queue(QUEUE, { connection, prefix, skipWaitingForReady: true });
  queue.on('error', (error) => log.broken('queue.error', error));
  const connections = [connection];
  return {
    name: 'redis',
    add: async (jobs) => {
      // ioredis would keep them until Redis is back, and the outbox keeps them already.
      if (connection.status !== 'ready') throw new Broken('the queue is not connected');
      await queue.addBulk(jobs.map(bulkJob));
    },
    consume: (handle, concurrency) => {
      const own = redis(url, log);
      connections.push(own);
      const worker = new Worker(QUEUE, ({ data }) => handle(data), {
        connection: own,
        prefix,
        concurrency,
        ...recoveryOf(settings),
      });
      worker.on('error', (error) => log.broken('queue.worker_error', error));
      return worker;
    },
    ping: async () => void (await connection.ping()),
    close: async () => {
      await queue.close().catch(() => undefined);
      for (const one of connections) one.disconnect();
    },
  };
}

/**
 * A job whose worker died between fetching it and beginning the attempt blocks its id until BullMQ
 * gives it up, so that is tied to how fast the ledger recovers the rest. Giving up too early does no
 * harm: the ledger counts attempts and fences duplicates off, for which reason it is never final either.
 */
function recoveryOf({ SWEEP_MS }: Settings): {
  lockDuration: number;
  stalledInterval: number;
  maxStalledCount: number;
  runRetryDelay: number;
} {
  return {
    lockDuration: Math.max(LEAST_LOCK_MS, LOCK_SWEEPS * SWEEP_MS),
    stalledInterval: Math.max(LEAST_LOOK_MS, SWEEP_MS),
    maxStalledCount: 1_000,
    runRetryDelay: 1_000,
  };
}

// Nothing is kept: the ledger is the record, and the id may be added again after a loss.
function bulkJob({ id, data }: NamedJob): {
  name: string;
  data: unknown;
  opts: { jobId: string; attempts: 1; removeOnComplete: true; removeOnFail: true };
} {
  return {
    name: 'attempt',
    data,
    opts: { jobId: id, attempts: 1, removeOnComplete: true, removeOnFail: true },
  };
}

function redis(url: string, log: Log): Redis {
  const client = new Redis(url, {
    // BullMQ asks for the server's version once and keeps a failure for ever, so that it must not fail.
    maxRetriesPerRequest: null,
    connectTimeout: 5_000,
    retryStrategy: (times) => Math.min(100 * times, 1_000),
  });
  // Without a listener ioredis prints to the console, address included.
  client.on('error', (error) => log.broken('queue.connection', error));
  return client;
}

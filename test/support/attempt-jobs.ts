import { createPostgresBackend, createRedisBackend, withBackend } from 'bullmq';
import type { World } from './world.js';

interface Job {
  id?: string | undefined;
  data: unknown;
  updateData(data: unknown): Promise<void>;
}

/** The queue as somebody sees it who reached Redis, or the tables of BullMQ, without leave. */
export interface AttemptJobs {
  pause(): Promise<void>;
  resume(): Promise<void>;
  waiting(): Promise<readonly Job[]>;
  add(data: unknown, options?: { jobId?: string; attempts?: number }): Promise<unknown>;
  close(): Promise<void>;
}

export function attemptJobs(world: World): AttemptJobs {
  const { REDIS_URL: redisUrl, REDIS_PREFIX: prefix, DATABASE_URL: connectionString } = world.env;
  const queue =
    redisUrl === undefined
      ? new (withBackend(createPostgresBackend).Queue)('deliver', {
          connection: {
            connectionString: connectionString ?? '',
            schema: 'bullmq',
            migrate: true,
            max: 2,
          },
        })
      : new (withBackend(createRedisBackend).Queue)('deliver', {
          connection: { url: redisUrl },
          prefix: prefix ?? '',
        });
  queue.on('error', () => undefined);
  return {
    pause: () => queue.pause(),
    resume: () => queue.resume(),
    waiting: async () => queue.getJobs('wait'),
    add: (data, options = {}) =>
      queue.add('attempt', data, { removeOnComplete: true, removeOnFail: true, ...options }),
    close: () => queue.close(),
  };
}

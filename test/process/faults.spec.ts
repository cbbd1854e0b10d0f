import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/database/embedded-postgres.js';
import { type AttemptJobs, attemptJobs } from '../support/attempt-jobs.js';
import { expectOnlyFor, expectSoundLedger } from '../support/ledger.js';
import type { Partner } from '../support/partner.js';
import type { Receiver } from '../support/receiver.js';
import { freePort } from '../support/services.js';
import { until } from '../support/until.js';
import { engines, World } from '../support/world.js';

const SETTINGS = { SWEEP_MS: '200', ENDPOINT_TIMEOUT_MS: '600', RETRY_SCHEDULE_MS: '50' };

let world: World;
let alice: Partner;
let bob: Partner;
let receiver: Receiver;

async function settle(): Promise<void> {
  alice = await world.partner('alice');
  bob = await world.partner('bob');
  await bob.allow(alice);
  receiver = await world.receiver();
  await bob.listens(receiver);
}

/** Sends the same bytes until they are taken, as a sender should. */
async function sendUntilTaken(): Promise<string> {
  const envelope = await alice.sign({ to: 'bob', type: 'push', data: 1 });
  await until('the exchange takes it', () =>
    alice.deliver(envelope).then(
      () => true,
      () => false,
    ),
  );
  return envelope;
}

async function haveArrived(envelopes: readonly string[]): Promise<number> {
  await until('all have arrived', () => {
    const got = new Set(receiver.received.map(({ body }) => body));
    return envelopes.every((envelope) => got.has(envelope));
  });
  await until('the ledger says so', async () => {
    const open = await world.rows('select 1 from delivery where ended_at is null limit 1');
    return open.length === 0;
  });
  const [row] = await world.rows<{ n: number }>(
    `select count(*)::int as n from delivery where state = 'delivered'`,
  );
  return row?.n ?? 0;
}

describe.runIf(engines().includes('redis'))('a Redis', () => {
  let port: number;
  let redis: ChildProcess;
  let jobs: AttemptJobs;

  beforeAll(async () => {
    port = await freePort();
    await startRedis();
    world = await World.make({
      settings: { ...SETTINGS, REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_PREFIX: 'own' },
    });
    jobs = attemptJobs(world);
    await settle();
  });
  afterAll(async () => {
    expectOnlyFor('bob', receiver.received);
    await expectSoundLedger(world);
    await jobs.close();
    await world.stop();
    await stopRedis();
  });

  async function startRedis(): Promise<void> {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
    redis = spawn('redis-server', [...args, '--maxmemory-policy', 'noeviction']);
    await until('Redis is there', async () => (await command('PING')).includes('PONG'));
  }

  async function stopRedis(): Promise<void> {
    const gone = once(redis, 'exit');
    redis.kill('SIGKILL');
    await gone;
  }

  async function command(...words: string[]): Promise<string> {
    const child = spawn('redis-cli', ['-p', String(port), ...words]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(child, 'exit');
    return text;
  }

  it('that is wiped while envelopes wait loses none of them', async () => {
    await jobs.pause();
    const envelopes = await Promise.all(Array.from({ length: 10 }, sendUntilTaken));
    await until('they are in the queue', async () => (await jobs.waiting()).length === 10);

    await command('FLUSHALL');

    expect(await haveArrived(envelopes)).toBe(10);
  });

  it('that is away keeps nobody from sending, and when it is back all arrive', async () => {
    await stopRedis();

    const envelopes = [];
    for (let n = 0; n < 10; n++) {
      const envelope = await alice.sign({ to: 'bob', type: 'push', data: n });
      await alice.deliver(envelope);
      envelopes.push(envelope);
    }
    await startRedis();

    expect(await haveArrived(envelopes)).toBe(20);
  });
});

describe.each(engines())('a PostgreSQL that crashes, queue on %s', (engine) => {
  let dir: string;
  let postgres: EmbeddedPostgres;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-crash-'));
    postgres = await startEmbeddedPostgres({ dataDir: dir });
    world = await World.make({ engine, settings: SETTINGS, postgresUrl: postgres.url });
    await settle();
  });
  afterEach(() => expectOnlyFor('bob', receiver.received));
  afterAll(async () => {
    await world.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('under load loses nothing that was accepted, and nothing is accepted twice', async () => {
    const accepted: string[] = [];
    const sending = { goesOn: true };
    const stream = async (): Promise<void> => {
      while (sending.goesOn) accepted.push(await sendUntilTaken());
    };
    const streams = [stream(), stream(), stream(), stream()];

    for (let crashes = 0; crashes < 2; crashes++) {
      const enough = accepted.length + 30;
      await until('more was accepted', () => accepted.length >= enough);
      await crash();
    }
    const enough = accepted.length + 30;
    await until('more was accepted', () => accepted.length >= enough);
    sending.goesOn = false;
    await Promise.all(streams);

    expect(await haveArrived(accepted)).toBe(accepted.length);
    await expectSoundLedger(world);
  }, 60_000);

  /** One of its processes dies: it ends all connections and recovers from its log. */
  async function crash(): Promise<void> {
    const [row] = await world.rows<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'sealpost' limit 1`,
    );
    if (row === undefined) throw new Error('no connection of the exchange');
    process.kill(row.pid, 'SIGKILL');
    await until('it is back', () =>
      world.rows('select 1').then(
        () => true,
        () => false,
      ),
    );
  }
});

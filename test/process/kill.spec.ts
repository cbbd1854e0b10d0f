import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { LOCKS } from '../../src/platform/index.js';
import { type AttemptJobs, attemptJobs } from '../support/attempt-jobs.js';
import { expectOnlyFor, expectSoundLedger } from '../support/ledger.js';
import type { Partner } from '../support/partner.js';
import { ExchangeProcess } from '../support/process.js';
import type { Answer, Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { engines, World } from '../support/world.js';

const SETTINGS = { SWEEP_MS: '200', ENDPOINT_TIMEOUT_MS: '600', RETRY_SCHEDULE_MS: '50' };
const OK: Answer = { status: 202 };
const KILLS = 4;

describe.each(engines())('kill -9 on %s', (engine) => {
  let world: World;
  let exchange: ExchangeProcess;
  let receiver: Receiver;
  let jobs: AttemptJobs;
  let alice: Partner;
  let bob: Partner;
  let held: pg.PoolClient | undefined;

  beforeAll(async () => {
    world = await World.bare({ engine, settings: SETTINGS });
    exchange = await ExchangeProcess.start(world.env);
    const at = { url: exchange.url };
    alice = await world.partner('alice', at);
    bob = await world.partner('bob', at);
    await bob.allow(alice);
    receiver = await world.receiver();
    await bob.listens(receiver, { types: ['push'] });
    jobs = attemptJobs(world);
  });
  afterEach(() => letGo());
  afterAll(async () => {
    await exchange.kill();
    expectOnlyFor('bob', receiver.received);
    await expectSoundLedger(world);
    await jobs.close();
    await world.stop();
  });

  /** Holds what `statement` locks until `letGo`. */
  async function hold(statement: string, values: unknown[] = []): Promise<void> {
    held = await world.db.connect();
    await held.query('begin');
    await held.query(statement, values);
  }

  async function letGo(): Promise<void> {
    await held?.query('commit');
    held?.release();
    held = undefined;
  }

  const somebodyWaits = (): Promise<true> =>
    until('a statement of the exchange waits for the lock', async () => {
      const [row] = await world.rows(`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`);
      return row !== undefined;
    });

  /** A statement that waited for a lock would otherwise outlive its process. */
  async function kill(): Promise<void> {
    await exchange.kill();
    await world.rows(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`);
  }

  async function startAgain(): Promise<void> {
    exchange = await ExchangeProcess.start(world.env);
    [alice, bob] = [await alice.at(exchange.url), await bob.at(exchange.url)];
  }

  async function accept(): Promise<{ id: string; envelope: string }> {
    const envelope = await alice.sign({ to: 'bob', type: 'push', data: { é: '\u2028' } });
    return { id: (await alice.deliver(envelope)).id, envelope };
  }

  const isIn = (id: string, state: string): Promise<true> =>
    until(`it is ${state}`, async () => {
      const [row] = await world.rows<{ state: string }>(
        'select state from delivery where envelope_id = $1',
        [id],
      );
      return row?.state === state;
    });

  const copiesOf = (envelope: string): Receiver['received'] =>
    receiver.received.filter(({ body }) => body === envelope);

  it('after the commit, before the relay: it arrives', async () => {
    await hold(`select pg_advisory_xact_lock(${LOCKS.relay})`);
    const { id, envelope } = await accept();
    await isIn(id, 'waiting');

    await kill();
    await letGo();
    await startAgain();

    await alice.reaches(id, 'delivered');
    expect(copiesOf(envelope)).toHaveLength(1);
  });

  it('after the relay, before a worker fetched it: it arrives', async () => {
    await jobs.pause();
    const { id, envelope } = await accept();
    await isIn(id, 'queued');

    await kill();
    await jobs.resume();
    await startAgain();

    await alice.reaches(id, 'delivered');
    expect(copiesOf(envelope)).toHaveLength(1);
  });

  it('after a worker fetched it, before the attempt began: it arrives', async () => {
    await jobs.pause();
    const { id, envelope } = await accept();
    await isIn(id, 'queued');
    await hold(`select pg_advisory_xact_lock(${LOCKS.trust})`);
    await jobs.resume();
    await somebodyWaits();

    await kill();
    await letGo();
    await startAgain();

    await alice.reaches(id, 'delivered');
    expect(copiesOf(envelope)).toHaveLength(1);
  });

  it('after it was sent, before it was answered: it arrives again, under the same id', async () => {
    receiver.answer = () => new Promise(() => undefined);
    const { id, envelope } = await accept();
    await until('it was sent', () => copiesOf(envelope).length === 1);

    await kill();
    receiver.answer = () => OK;
    await startAgain();

    expect((await alice.reaches(id, 'delivered')).attempts).toMatchObject([
      { number: 1, outcome: 'failed', reason: 'worker_lost' },
      { number: 2, outcome: 'delivered' },
    ]);
    const copies = copiesOf(envelope);
    expect(copies).toHaveLength(2);
    expect(new Set(copies.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('after it was answered, before that was recorded: it arrives again, under the same id', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<Answer>();
    receiver.answer = () => opened;
    const { id, envelope } = await accept();
    await until('it was sent', () => copiesOf(envelope).length === 1);
    await hold('select 1 from delivery where envelope_id = $1 for update', [id]);
    open(OK);
    await somebodyWaits();

    await kill();
    receiver.answer = () => OK;
    await letGo();
    await startAgain();

    expect((await alice.reaches(id, 'delivered')).attempts).toHaveLength(2);
    const copies = copiesOf(envelope);
    expect(new Set(copies.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect((await alice.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'delivered']);
  });

  it('at any moment, over and over, under a stream of envelopes: all that was answered arrives', async () => {
    receiver.answer = () => OK;
    const accepted: string[] = [];
    const killing = { goesOn: true };
    const stream = async (): Promise<void> => {
      while (killing.goesOn) {
        const envelope = await alice.sign({ to: 'bob', type: 'push', data: accepted.length });
        await until('the exchange answers', () =>
          alice.deliver(envelope).then(
            () => true,
            () => false,
          ),
        );
        accepted.push(envelope);
      }
    };
    const streams = [stream(), stream(), stream(), stream()];

    for (let kills = 0; kills < KILLS; kills++) {
      const enough = accepted.length + 5 + Math.floor(Math.random() * 60);
      await until('more was accepted', () => accepted.length >= enough);
      await exchange.kill();
      await startAgain();
    }
    killing.goesOn = false;
    await Promise.all(streams);

    await until('all that was accepted has arrived', () => {
      const got = new Set(receiver.received.map(({ body }) => body));
      return accepted.every((envelope) => got.has(envelope));
    });
    await until('the ledger says so', async () => {
      const open = await world.rows('select 1 from delivery where ended_at is null limit 1');
      return open.length === 0;
    });
    const [row] = await world.rows<{ n: number }>(
      `select count(*)::int as n from delivery where state <> 'delivered'`,
    );
    expect(row?.n).toBe(0);
  }, 120_000);
});

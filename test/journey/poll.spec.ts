import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf } from '../support/receiver.js';
import { expectSoundLedger } from '../support/ledger.js';
import type { Partner } from '../support/partner.js';
import { until } from '../support/until.js';
import { engines, World } from '../support/world.js';

/** Less than the look that a long poll takes by itself: what is quicker was woken. */
const SOON_MS = 4_000;

function jtis(sets: Readonly<Record<string, string>>): unknown[] {
  return Object.values(sets).map((body) => claimsOf(body)['jti']);
}

async function took(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  return performance.now() - began;
}

describe.each(engines())('poll on %s', (engine) => {
  let world: World;
  let elsewhere: string;
  let alice: Partner;
  let bob: Partner;

  beforeAll(async () => {
    world = await World.make({ engine, settings: { LONG_POLL_MS: '30000' } });
    elsewhere = await world.start();
    alice = await world.partner('alice');
  });
  beforeEach(async () => {
    bob = await world.partner();
    await bob.allow(alice);
  });
  afterAll(async () => {
    await expectSoundLedger(world);
    await world.stop();
  });

  async function send(...names: string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const jti of names) {
      const { id, status } = await alice.sends(bob, { jti: `${bob.id}-${jti}` });
      expect(status).toBe(200);
      ids.push(String(id));
    }
    return ids;
  }

  /** Sends one and collects it: its envelope and delivery ids. */
  async function lease(): Promise<{ id: string; deliveryId: string }> {
    const [id = ''] = await send('leased');
    const { sets } = await bob.poll();
    const [deliveryId = ''] = Object.keys(sets);
    return { id, deliveryId };
  }

  async function rawPoll(text: string): Promise<Response> {
    return fetch(new URL('/v1/inbox/poll', world.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await bob.token()}` },
      body: text,
    });
  }

  it('gives the oldest first, as many as were asked for, and says whether there are more', async () => {
    await send('1', '2', '3');

    const first = await bob.poll({ maxEvents: 2 });
    const rest = await bob.poll({ maxEvents: 2 });

    expect(jtis(first.sets)).toEqual([`${bob.id}-1`, `${bob.id}-2`]);
    expect(first.moreAvailable).toBe(true);
    expect(jtis(rest.sets)).toEqual([`${bob.id}-3`]);
    expect(rest).not.toHaveProperty('moreAvailable');
  });

  it('gives exactly the bytes that were signed', async () => {
    const envelope = await alice.sign({ to: bob.id, type: 'a.b', data: 'ü\u2028"' });
    await alice.deliver(envelope);

    expect(Object.values((await bob.poll()).sets)).toEqual([envelope]);
  });

  it('answers at once, and with nothing, when it must not wait', async () => {
    const answer = await (await rawPoll('{"returnImmediately":true}')).json();

    expect(answer).toEqual({ sets: {} });
  });

  it('with maxEvents 0 it only acknowledges', async () => {
    const { id, deliveryId } = await lease();
    await send('next');

    const answer = await bob.poll({ maxEvents: 0, ack: [deliveryId] });

    expect(answer).toEqual({ sets: {}, moreAvailable: true });
    expect(await alice.deliveries(id)).toMatchObject([{ state: 'acknowledged' }]);
  });

  it('acknowledges and collects in one request', async () => {
    const { id, deliveryId } = await lease();
    await send('next');

    const { sets } = await bob.poll({ ack: [deliveryId] });

    expect(jtis(sets)).toEqual([`${bob.id}-next`]);
    expect(await alice.deliveries(id)).toMatchObject([{ state: 'acknowledged' }]);
  });

  it('ignores members that it does not know', async () => {
    const answer = await rawPoll('{"returnImmediately":true,"newMember":{"x":[1]}}');

    expect(answer.status).toBe(200);
  });

  it.each([
    '{"maxEvents":-1}',
    '{"maxEvents":1.5}',
    '{"maxEvents":"1"}',
    '{"returnImmediately":"false"}',
    '{"ack":"x"}',
    '{"ack":[7]}',
    '{"ack":{}}',
    '{"setErrs":[]}',
    '{"setErrs":{"x":"y"}}',
    '{"setErrs":{"x":{}}}',
    '{"setErrs":{"x":{"err":""}}}',
    '{"setErrs":{"x":{"err":"a b"}}}',
    '{"setErrs":{"x":{"err":"e","description":7}}}',
  ])('refuses %s in the words of RFC 8936', async (text) => {
    const answer = await rawPoll(text);

    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.json()).toEqual({
      err: 'invalid_request',
      description: expect.any(String),
    });
  });

  it.each(['', 'x', 'null', '[]', '{"maxEvents":1,"maxEvents":2}'])(
    'refuses %j, which is no JSON object, as every route does',
    async (text) => {
      const answer = await rawPoll(text);

      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'validation_failed' });
    },
  );

  it('never gives one envelope to two pollers', async () => {
    await send(...Array.from({ length: 24 }, (_, n) => String(n)));
    const there = await bob.at(elsewhere);

    const polls = await Promise.all(
      [bob, there, bob, there, bob, there].map((one) =>
        one.poll({ maxEvents: 5, returnImmediately: true }),
      ),
    );
    const rest = await bob.poll({ returnImmediately: true });

    const got = [...polls, rest].flatMap(({ sets }) => Object.keys(sets));
    expect(got).toHaveLength(24);
    expect(new Set(got).size).toBe(24);
  });

  it('does not acknowledge what was never collected', async () => {
    const [id = ''] = await send('waiting');
    const [delivery] = await alice.deliveries(id);

    await bob.poll({ maxEvents: 0, ack: [delivery?.id ?? ''] });

    expect(await alice.deliveries(id)).toMatchObject([{ state: 'available' }]);
  });

  it("does not let another, its sender included, acknowledge what is somebody's", async () => {
    const { id, deliveryId } = await lease();
    const mallory = await world.partner();

    await mallory.poll({ maxEvents: 0, ack: [deliveryId] });
    await alice.poll({ maxEvents: 0, ack: [deliveryId] });
    await alice.poll({ maxEvents: 0, setErrs: { [deliveryId]: { err: 'access_denied' } } });

    expect(await alice.deliveries(id)).toMatchObject([{ state: 'leased' }]);
  });

  it('ignores ids that are none', async () => {
    const { id, deliveryId } = await lease();
    const ack = ['', 'x', '0', "' or 1=1", '00000000-0000-0000-0000-000000000000', deliveryId];

    await bob.poll({ maxEvents: 0, ack });

    expect(await alice.deliveries(id)).toMatchObject([{ state: 'acknowledged' }]);
  });

  it('takes an acknowledgement twice, and gives one receipt', async () => {
    const { id, deliveryId } = await lease();

    await Promise.all([1, 2, 3].map(() => bob.poll({ maxEvents: 0, ack: [deliveryId] })));
    await bob.poll({ maxEvents: 0, ack: [deliveryId, deliveryId] });
    await bob.poll({ maxEvents: 0, setErrs: { [deliveryId]: { err: 'too_late' } } });

    expect(await alice.deliveries(id)).toMatchObject([
      { state: 'acknowledged', attempts: [{ number: 1, outcome: 'acknowledged' }] },
    ]);
    expect((await bob.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'delivered']);
  });

  it('ends as declined, with its receipt, what is refused with setErrs', async () => {
    const { id, deliveryId } = await lease();

    await bob.poll({
      maxEvents: 0,
      setErrs: { [deliveryId]: { err: 'invalid_key', description: 'no such kid' } },
    });

    expect(await alice.deliveries(id)).toMatchObject([
      { state: 'declined', reason: 'invalid_key', attempts: [{ outcome: 'declined' }] },
    ]);
    expect((await alice.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'declined']);
    expect(await bob.poll({ returnImmediately: true })).toEqual({ sets: {} });
  });

  it('wakes at once for an envelope that another process accepted', async () => {
    const there = await bob.at(elsewhere);
    const polled = there.poll();
    // Several answers of the same process later the poll has long begun to wait.
    for (let n = 0; n < 3; n++) await there.poll({ maxEvents: 0 });

    await send('woken');

    expect(await took(polled)).toBeLessThan(SOON_MS);
    expect(jtis((await polled).sets)).toEqual([`${bob.id}-woken`]);
  });

  it('collects nothing for a poller that has gone', async () => {
    const third = await world.start();
    const socket = connect(Number(new URL(third).port), '127.0.0.1');
    socket.write(
      `POST /v1/inbox/poll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await bob.token()}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    );
    // The answer to another request shows that the poll, which came before it, is under way.
    await (await fetch(new URL('/health/ready', third))).text();
    const connections = await connectionsOf(world.apps.at(-1));
    socket.destroy();
    await until('the exchange knows that the poller has gone', async () => {
      return (await connectionsOf(world.apps.at(-1))) === connections - 1;
    });

    const [id = ''] = await send('unseen');

    const { sets } = await bob.poll();
    expect(jtis(sets)).toEqual([`${bob.id}-unseen`]);
    expect(await bob.deliveries(id)).toMatchObject([{ attempts: [{ number: 1 }] }]);
  });
});

function connectionsOf(app: World['app'] | undefined): Promise<number> {
  return new Promise((resolve) => {
    app?.getHttpServer().getConnections((_error, count) => resolve(count));
  });
}

const SWEEPS = { 'a sweep': '100', 'the next poll, before any sweep': '600000' };
describe.each(
  engines().flatMap((engine) =>
    Object.entries(SWEEPS).map(([by, ms]) => [engine, by, ms] as const),
  ),
)('a lease on %s that runs out, seen by %s', (engine, _by, SWEEP_MS) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let id: string;
  let deliveryId: string;

  beforeAll(async () => {
    world = await World.make({ engine, settings: { SWEEP_MS, POLL_LEASE_MS: '150' } });
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    await bob.allow(alice);
  });
  beforeEach(async () => {
    id = String((await alice.sends(bob))['id']);
    [deliveryId = ''] = Object.keys((await bob.poll()).sets);
  });
  afterAll(async () => {
    await expectSoundLedger(world);
    await world.stop();
  });

  it('makes the envelope available again, under the same id', async () => {
    const again = await until('it comes again', async () => {
      const { sets } = await bob.poll({ returnImmediately: true });
      return Object.keys(sets).length > 0 && sets;
    });

    expect(Object.keys(again)).toEqual([deliveryId]);
    await bob.poll({ maxEvents: 0, ack: [deliveryId] });
    expect(await alice.deliveries(id)).toMatchObject([
      {
        state: 'acknowledged',
        attempts: [
          { number: 1, outcome: 'lease_expired', endedAt: expect.any(String) },
          { number: 2, outcome: 'acknowledged' },
        ],
      },
    ]);
  });

  it('does not make an acknowledgement too late', async () => {
    await until('the lease is over', async () => {
      const [row] = await world.rows<{ open: boolean }>(
        `select state = 'available' or until < now() as open from delivery where id = $1`,
        [deliveryId],
      );
      return row?.open;
    });

    await bob.poll({ maxEvents: 0, ack: [deliveryId] });

    expect(await alice.deliveries(id)).toMatchObject([{ state: 'acknowledged' }]);
    expect((await alice.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'delivered']);
  });
});

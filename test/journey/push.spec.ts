import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectOnlyFor, expectSoundLedger } from '../support/ledger.js';
import type { DeliveryView, Outcome, Partner } from '../support/partner.js';
import type { Answer, Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { engines, World } from '../support/world.js';

const HANG = new Promise<never>(() => undefined);
const err = (word: string): Answer => ({ status: 400, body: JSON.stringify({ err: word }) });

describe.each(engines())('push on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let receiver: Receiver;
  let endpointId: string;
  /** What the endpoint answers to the attempts at one envelope, by jti; then 202. */
  const script = new Map<unknown, (Answer | 'reset' | Promise<never>)[]>();

  beforeAll(async () => {
    world = await World.make({
      engine,
      settings: {
        RETRY_SCHEDULE_MS: '30',
        ENDPOINT_TIMEOUT_MS: '300',
        SWEEP_MS: '100',
        WORKER_CONCURRENCY: '40',
      },
    });
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    await bob.allow(alice);
    receiver = await world.receiver();
    receiver.answer = ({ claims }) => script.get(claims['jti'])?.shift() ?? { status: 202 };
    endpointId = await bob.listens(receiver, { types: ['scripted'] });
  });
  afterAll(async () => {
    expectOnlyFor('bob', receiver.received);
    await expectSoundLedger(world);
    await world.stop();
  });

  let jtis = 0;
  async function sendTo(
    answers: (Answer | 'reset' | Promise<never>)[],
    draft: { lifetimeSeconds?: number } = {},
  ): Promise<Outcome> {
    const jti = `scripted-${++jtis}`;
    script.set(jti, answers);
    return alice.sends(bob, { type: 'scripted', jti, ...draft });
  }

  /** Until the first attempt has ended. */
  function tried(envelopeId: unknown): Promise<DeliveryView> {
    return until('the first attempt has ended', async () =>
      (await alice.deliveries(String(envelopeId))).find((one) => one.attempts[0]?.outcome),
    );
  }

  describe('what goes to which endpoint', () => {
    let others: Receiver[];
    let ids: string[];

    beforeEach(async () => {
      others = await Promise.all([world.receiver(), world.receiver()]);
      ids = [];
    });
    afterEach(() => Promise.all(ids.map((id) => bob.call('DELETE', `/v1/endpoints/${id}`))));

    async function listen(which: number, options: object): Promise<void> {
      const other = others[which];
      if (other !== undefined) ids.push(await bob.listens(other, options));
    }

    it('is the same bytes for all: one delivery for each endpoint that matches', async () => {
      await listen(0, { types: ['order.*'] });
      await listen(1, { types: ['order.paid', 'x'] });
      const envelope = await alice.sign({ to: 'bob', type: 'order.paid', data: { é: '\u2028' } });

      const { id } = await alice.deliver(envelope);

      const got = await Promise.all(others.map((other) => other.have(1)));
      expect(got.map(([one]) => one?.body)).toEqual([envelope, envelope]);
      const deliveries = await bob.deliveries(id);
      expect(new Set(got.map(([one]) => one?.headers['webhook-id']))).toEqual(
        new Set(deliveries.map((one) => one.id)),
      );
    });

    it('is chosen by type and by sender', async () => {
      const carol = await world.partner();
      await bob.allow(carol);
      await listen(0, { types: ['paper.*'], senders: [carol.id] });
      await listen(1, { types: ['paper.a', 'paper.b'] });

      await alice.sends(bob, { type: 'paper.a' });
      await alice.sends(bob, { type: 'paper.b' });
      await carol.sends(bob, { type: 'paper.c' });

      const [forCarol, forBoth] = others;
      expect((await forBoth?.have(2))?.map((one) => one.claims['type'])).toEqual([
        'paper.a',
        'paper.b',
      ]);
      expect((await forCarol?.have(1))?.map((one) => one.claims['iss'])).toEqual([carol.id]);
    });

    it('waits in the inbox when no endpoint wants it', async () => {
      await listen(0, { types: ['only.this'] });

      const { id } = await alice.sends(bob, { type: 'only.that' });

      expect(await alice.deliveries(String(id))).toMatchObject([
        { method: 'poll', state: 'available' },
      ]);
    });

    it('moves to the inbox when its endpoint is deleted while it waits', async () => {
      await listen(0, { types: ['moved'] });
      const [other] = others;
      if (other !== undefined) other.answer = () => ({ status: 500 });
      const { id } = await alice.sends(bob, { type: 'moved' });
      await other?.have(1);

      await bob.call('DELETE', `/v1/endpoints/${ids.pop()}`);

      await alice.reaches(id, 'available');
      const { sets } = await bob.poll();
      expect(Object.values(sets)).toContain(other?.received[0]?.body);
    });

    it('moves to the inbox even when its attempt ends while the endpoint is being deleted', async () => {
      await listen(0, { types: ['raced'] });
      const [other] = others;
      const { promise: opened, resolve: open } = Promise.withResolvers<Answer>();
      if (other !== undefined) other.answer = () => opened;
      const { id } = await alice.sends(bob, { type: 'raced' });
      await other?.have(1);
      const holder = await world.db.connect();
      await holder.query('begin');
      await holder.query('select 1 from delivery where envelope_id = $1 for update', [id]);
      open({ status: 500 });
      await until('the outcome waits for the row', async () => {
        const [row] = await world.rows(`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`);
        return row !== undefined;
      });

      await bob.call('DELETE', `/v1/endpoints/${ids.pop()}`);
      await holder.query('commit');
      holder.release();

      expect(await alice.reaches(id, 'available')).toMatchObject({ method: 'poll' });
    });
  });

  it('says what it is: type, stable id, time, and nothing that would be decompressed', async () => {
    const { jti } = await sendTo([]);

    const got = await until('it came', () =>
      receiver.received.find((r) => r.claims['jti'] === jti),
    );
    expect(got.headers).toMatchObject({
      'content-type': 'application/jwt',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    });
    expect(got.headers).not.toHaveProperty('cookie');
    expect(got.headers).not.toHaveProperty('authorization');
  });

  it.each([200, 201, 202, 204, 206, 299])('%i ends the delivery', async (status) => {
    const { id } = await sendTo([{ status }]);

    expect(await alice.reaches(id, 'delivered')).toMatchObject({
      attempts: [{ number: 1, outcome: 'delivered', status }],
    });
  });

  const AGAIN: [string, Answer, string][] = [
    ['301', { status: 301, headers: { location: 'http://127.0.0.1:1/' } }, 'redirect'],
    ['307', { status: 307, headers: { location: '/elsewhere' } }, 'redirect'],
    ['400 without err', { status: 400 }, 'http_400'],
    ['400 with an err that may pass', err('authentication_failed'), 'authentication_failed'],
    ...[401, 403, 404, 408, 413, 422, 425, 429, 500, 502, 503, 507].map(
      (status): [string, Answer, string] => [String(status), { status }, `http_${status}`],
    ),
  ];
  it.each(AGAIN)('%s is tried again under the same id', async (_name, answer, reason) => {
    const { id, jti } = await sendTo([answer, answer]);

    const { id: deliveryId, attempts } = await alice.reaches(id, 'delivered');
    const failed = { outcome: 'failed', status: answer.status, reason };
    expect(attempts).toMatchObject([
      { number: 1, ...failed },
      { number: 2, ...failed },
      { number: 3, outcome: 'delivered', status: 202 },
    ]);
    const got = receiver.received.filter((one) => one.claims['jti'] === jti);
    expect(got.map((one) => one.headers['webhook-id'])).toEqual(Array(3).fill(deliveryId));
    expect(new Set(got.map((one) => one.path))).toEqual(new Set(['/in']));
    expect(new Set(got.map((one) => one.body)).size).toBe(1);
  });

  it.each(['invalid_request', 'invalid_issuer', 'invalid_audience'])(
    '400 with %s is final, and its receipt says so',
    async (word) => {
      const { id } = await sendTo([err(word)]);

      expect(await alice.reaches(id, 'dead')).toMatchObject({
        reason: word,
        attempts: [{ number: 1, outcome: 'dead', status: 400, reason: word }],
      });
      expect((await alice.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'dead']);
    },
  );

  it('400 with invalid_key is tried once more', async () => {
    const { id } = await sendTo([err('invalid_key'), err('invalid_key')]);

    expect((await alice.reaches(id, 'dead')).attempts).toMatchObject([
      { outcome: 'failed', reason: 'invalid_key' },
      { outcome: 'dead', reason: 'invalid_key' },
    ]);
  });

  it('Retry-After in seconds is obeyed', async () => {
    const { id } = await sendTo([{ status: 429, headers: { 'retry-after': '1' } }]);

    const { attempts } = await alice.reaches(id, 'delivered');
    const [first, second] = attempts as unknown as { beganAt: string; endedAt: string }[];
    const waited = Date.parse(second?.beganAt ?? '') - Date.parse(first?.endedAt ?? '');
    expect(waited).toBeGreaterThanOrEqual(990);
  });

  it('Retry-After as a date is obeyed', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const { id } = await sendTo([{ status: 503, headers: { 'retry-after': date } }]);

    const { state, nextAttemptAt } = await tried(id);
    expect(state).toBe('waiting');
    expect(new Date(nextAttemptAt ?? 0).toUTCString()).toBe(date);
  });

  it('Retry-After counts as a day at most', async () => {
    const { id } = await sendTo([{ status: 503, headers: { 'retry-after': '9999999999' } }], {
      lifetimeSeconds: 6 * 86_400,
    });

    const { nextAttemptAt } = await tried(id);
    expect(Math.abs(Date.parse(nextAttemptAt ?? '') - Date.now() - 86_400_000)).toBeLessThan(
      60_000,
    );
  });

  it('is dead, with a receipt, when no attempt fits before exp', async () => {
    const { id } = await sendTo([{ status: 503, headers: { 'retry-after': '3600' } }], {
      lifetimeSeconds: 600,
    });

    expect(await alice.reaches(id, 'dead')).toMatchObject({
      reason: 'http_503',
      status: 503,
      attempts: [{ outcome: 'dead', status: 503 }],
    });
    expect((await alice.receipts(id)).map((one) => one.state)).toEqual(['accepted', 'dead']);
  });

  it('a connection that breaks is tried again', async () => {
    const { id } = await sendTo(['reset']);

    expect((await alice.reaches(id, 'delivered')).attempts).toMatchObject([
      { outcome: 'failed', reason: 'reset' },
      { outcome: 'delivered' },
    ]);
  });

  it('an endpoint that does not answer in time is tried again', async () => {
    const { id } = await sendTo([HANG]);

    expect((await alice.reaches(id, 'delivered')).attempts).toMatchObject([
      { outcome: 'failed', reason: 'timeout' },
      { outcome: 'delivered' },
    ]);
  });

  it('an endpoint where nobody listens is tried again', async () => {
    const gone = await world.receiver();
    const id = await bob.listens(gone, { types: ['gone'] });
    await gone.stop();

    const sent = await alice.sends(bob, { type: 'gone' });

    const [delivery] = await until('two attempts', async () => {
      const deliveries = await alice.deliveries(String(sent['id']));
      return deliveries.filter(({ attempts }) => attempts[1]?.outcome !== undefined)[0]
        ? deliveries
        : undefined;
    });
    expect(delivery?.attempts[0]).toMatchObject({ outcome: 'failed', reason: 'connect' });
    await bob.call('DELETE', `/v1/endpoints/${id}`);
  });

  it('410 disables the endpoint and holds what waits for it; enabling releases it', async () => {
    const other = await world.receiver();
    const id = await bob.listens(other, { types: ['closing'] });
    other.answer = () => ({ status: 410 });

    const sent = await alice.sends(bob, { type: 'closing' });

    await until('it is disabled', async () => {
      const { status } = await bob.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
      return status === 'disabled';
    });
    expect(await tried(sent['id'])).toMatchObject({ state: 'waiting', reason: 'http_410' });
    other.answer = () => ({ status: 202 });
    // What came after it shows that nothing went to the closed one meanwhile.
    await alice.reaches((await sendTo([{ status: 500 }, { status: 500 }]))['id'], 'delivered');
    expect(other.received).toHaveLength(1);
    await bob.call('POST', `/v1/endpoints/${id}/enable`);
    expect((await alice.reaches(sent['id'], 'delivered')).attempts).toHaveLength(2);
  });

  it('the recipient sees which endpoint it was, the sender does not', async () => {
    const { id } = await sendTo([{ status: 500, body: receiver.url }]);
    const delivery = await alice.reaches(id, 'delivered');

    expect(await bob.deliveries(String(id))).toMatchObject([{ endpointId }]);
    expect(delivery).not.toHaveProperty('endpointId');
    const seen = JSON.stringify(await alice.call('GET', `/v1/envelopes/${String(id)}`));
    expect(seen).not.toContain(endpointId);
    expect(seen).not.toContain(new URL(receiver.url).port + '/in');
  });
});

describe.each(engines())('one endpoint and the others on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let slow: Receiver;
  let release: () => void;
  let atOnce = 0;
  let most = 0;

  async function hang(settings: Record<string, string>): Promise<[Partner, Partner, Receiver]> {
    world = await World.make({ engine, settings });
    alice = await world.partner('alice');
    const [bob, carol] = await Promise.all([world.partner('bob'), world.partner('carol')]);
    await Promise.all([bob.allow(alice), carol.allow(alice)]);
    slow = await world.receiver();
    const opened = new Promise<void>((resolve) => {
      release = resolve;
    });
    slow.answer = async () => {
      most = Math.max(most, ++atOnce);
      await opened;
      atOnce--;
      return { status: 202 };
    };
    const quick = await world.receiver();
    await Promise.all([bob.listens(slow), carol.listens(quick)]);
    return [bob, carol, quick];
  }
  beforeEach(() => {
    atOnce = most = 0;
  });
  afterEach(async () => {
    release();
    await world.stop();
  });

  it('has no more in flight than its share, and all arrive', async () => {
    const [bob, carol, quick] = await hang({ ENDPOINT_IN_FLIGHT: '2', SWEEP_MS: '100' });
    for (let n = 0; n < 6; n++) await alice.sends(bob);
    await slow.have(2);

    for (let n = 0; n < 6; n++) await alice.sends(carol);
    await quick.have(6);

    expect(slow.received).toHaveLength(2);
    release();
    await slow.have(6);
    expect(most).toBe(2);
  });

  it('shares what its partner may have in flight with the partner’s other endpoints', async () => {
    const [bob] = await hang({ RECIPIENT_IN_FLIGHT: '3', SWEEP_MS: '100' });
    const other = await world.receiver();
    other.answer = slow.answer;
    await bob.listens(other, { types: ['other.created'] });
    for (let n = 0; n < 5; n++) {
      await alice.sends(bob);
      await alice.sends(bob, { type: 'other.created' });
    }

    await until('three are in flight', () => atOnce === 3);
    release();

    // What is for the other endpoint matches the first one as well.
    await slow.have(10);
    await other.have(5);
    expect(most).toBe(3);
  });

  it('that hangs keeps nobody else waiting, with the settings as they come', async () => {
    const [bob, carol, quick] = await hang({});
    await Promise.all(Array.from({ length: 40 }, () => alice.sends(bob)));
    await slow.have(20);

    await alice.sends(carol);

    await quick.have(1, 5_000);
    expect(slow.received).toHaveLength(20);
  });
});

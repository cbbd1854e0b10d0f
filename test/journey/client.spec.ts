import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  expectTypeOf,
  inject,
  it,
} from 'vitest';
import {
  Declined,
  Identity,
  MemoryReplay,
  Receiver,
  RedisReplay,
  Sender,
  type SenderOptions,
  type StandardSchema,
} from '../../src/client/index.js';
import { type FakeAnswer, FakeExchange, type FakePartner } from '../support/fake-exchange.js';
import { claimsOf } from '../support/receiver.js';
import { until } from '../support/until.js';

let exchange: FakeExchange;
let alice: FakePartner;
let bob: FakePartner;
let partners = 0;
/** Tries again at once: what is shown is that it does, not for how long it waits. */
const patience = { tries: 5, firstWaitMs: 1, longestWaitMs: 2 };

beforeAll(async () => {
  exchange = await FakeExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(async () => {
  partners++;
  alice = await exchange.partner(`alice${partners}`);
  bob = await exchange.partner(`bob${partners}`);
  exchange.instead = () => undefined;
  for (const list of [exchange.taken, exchange.posted, exchange.inbox, exchange.acknowledged])
    list.length = 0;
  exchange.declined.length = 0;
  exchange.receipts.length = 0;
});

function sender(options: SenderOptions<Record<string, StandardSchema>> = {}) {
  return new Sender(alice.session, { patience, ...options });
}

async function envelope(data: unknown = 1, draft: { jti?: string; type?: string } = {}) {
  const { jti, type = 'a.b' } = draft;
  const sent = await sender().send(bob.id, type, data, jti === undefined ? {} : { jti });
  return sent.envelope;
}

const problem = (status: number, code: string, headers = {}): FakeAnswer => ({
  status,
  headers,
  json: { status, code, title: code },
});

/** Answers so the first time, and takes it then. */
function once(answer: FakeAnswer | 'reset'): void {
  let left = 1;
  exchange.instead = () => (left-- > 0 ? answer : undefined);
}

describe('Sender', () => {
  it.each<[string, FakeAnswer | 'reset']>([
    ['no answer', 'reset'],
    ['500', problem(500, 'internal')],
    ['503', problem(503, 'unavailable')],
    ['429', problem(429, 'rate_limited', { 'retry-after': '0' })],
  ])('sends the same bytes again after %s', async (_what, answer) => {
    once(answer);

    const { envelope: sent } = await sender().send(bob.id, 'a.b', 1);

    expect(exchange.posted).toEqual([sent, sent]);
  });

  it('waits as long as the exchange asks', async () => {
    once(problem(429, 'rate_limited', { 'retry-after': '1' }));
    const began = performance.now();

    await sender().send(bob.id, 'a.b', 1);

    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
  });

  it('gives up after so many tries, and at once for what does not pass', async () => {
    exchange.instead = () => problem(503, 'unavailable');
    await expect(sender().send(bob.id, 'a.b', 1)).rejects.toMatchObject({ code: 'unavailable' });
    expect(exchange.posted).toHaveLength(5);

    exchange.instead = () => problem(403, 'not_granted');
    await expect(sender().send(bob.id, 'a.b', 1)).rejects.toMatchObject({ code: 'not_granted' });
    expect(exchange.posted).toHaveLength(6);
  });

  it('seals anew, once, when the recipient’s key is stale', async () => {
    once(problem(409, 'stale_recipient_key'));

    const sent = await sender().send(bob.id, 'a.b', 1);

    const [first = '', second] = exchange.posted;
    expect(second).toBe(sent.envelope);
    expect(claimsOf(first)['jti']).toBe(sent.jti);
    expect(claimsOf(first)['sealed']).not.toBe(claimsOf(sent.envelope)['sealed']);

    exchange.instead = () => problem(409, 'stale_recipient_key');
    await expect(sender().send(bob.id, 'a.b', 1)).rejects.toMatchObject({
      code: 'stale_recipient_key',
    });
    expect(exchange.posted).toHaveLength(4);
  });

  it('does not sign what its schema refuses, and says where, not what', async () => {
    const { send, ...refused } = await withSchemas();

    await expect(send({ amount: 'secret' })).rejects.toMatchObject({
      code: 'content_invalid',
      detail: 'data.amount',
      message: expect.not.stringContaining('secret'),
    });
    expect(refused.posted()).toBe(0);
    await send({ amount: 12 });
    expect(refused.posted()).toBe(1);
  });

  async function withSchemas() {
    const schemas = { 'invoice.created': invoice };
    const typed = new Sender(alice.session, { patience, schemas });
    const send = (data: { amount: unknown }) =>
      typed.send(bob.id, 'invoice.created', data as { amount: number });
    return { send, posted: () => exchange.posted.length };
  }

  it('sends to many in one request, each with an envelope and an outcome of its own', async () => {
    const carol = await exchange.partner(`carol${partners}`);

    const results = await sender().sendMany([bob.id, 'nobody', carol.id], 'a.b', { n: 1 });

    expect(results.map((one) => (one.is === 'accepted' ? one.sent.jti : one.code))).toEqual([
      expect.any(String),
      'peer_unknown',
      expect.any(String),
    ]);
    expect(exchange.posted).toHaveLength(1);
    expect(exchange.taken.map((one) => claimsOf(one)['aud'])).toEqual([bob.id, carol.id]);
  });

  it('streams thousands: all arrive once, whatever fails in passing', async () => {
    let asked = 0;
    const seen = new Set<unknown>();
    exchange.instead = (one) => {
      const { jti } = claimsOf(one);
      if (seen.has(jti)) return undefined;
      seen.add(jti);
      asked++;
      if (asked % 97 === 0) return problem(503, 'unavailable');
      if (asked % 61 === 0) return problem(409, 'stale_recipient_key');
      return asked === 1000 ? 'reset' : undefined;
    };
    async function* drafts() {
      for (let n = 0; n < 2000; n++)
        yield { to: bob.id, type: 'a.b', data: { n }, jti: `j-${n}`, sealed: n % 10 === 0 };
    }

    const jtis = new Set<string>();
    for await (const result of sender().stream(drafts(), { concurrency: 3 }))
      if (result.is === 'accepted') jtis.add(result.sent.jti);

    expect(jtis.size).toBe(2000);
    expect(new Set(exchange.taken.map((one) => claimsOf(one)['jti'])).size).toBe(2000);
  });

  it('refuses one of a stream without losing the others', async () => {
    exchange.instead = (one) =>
      claimsOf(one)['jti'] === 'bad' ? problem(403, 'not_granted') : undefined;
    const drafts = ['good', 'bad', 'fine'].map((jti) => ({
      to: bob.id,
      type: 'a.b',
      data: 1,
      jti,
    }));

    const outcomes = new Map<string, string>();
    for await (const result of sender().stream(drafts))
      outcomes.set(result.draft.jti, result.is === 'accepted' ? 'accepted' : result.code);

    expect(Object.fromEntries(outcomes)).toEqual({
      good: 'accepted',
      bad: 'not_granted',
      fine: 'accepted',
    });
  });
});

const invoice: StandardSchema<{ amount: number }, { amount: number; rounded: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const amount = (value as { amount?: unknown } | null)?.amount;
      return typeof amount === 'number'
        ? { value: { amount, rounded: Math.round(amount) } }
        : { issues: [{ message: `not a number: ${String(amount)}`, path: ['amount'] }] };
    },
  },
};

describe('Receiver', () => {
  it('gives typed content, as the schema made it', async () => {
    const receiver = new Receiver(bob.session, { schemas: { 'invoice.created': invoice } });

    const verdict = await receiver.open(
      await envelope({ amount: 1.7 }, { type: 'invoice.created' }),
    );

    if (verdict.is !== 'opened') throw new Error(verdict.is);
    expectTypeOf(verdict.message.data).toEqualTypeOf<{ amount: number; rounded: number }>();
    expectTypeOf(verdict.message.type).toEqualTypeOf<'invoice.created'>();
    expect(verdict.message.data).toEqual({ amount: 1.7, rounded: 2 });
  });

  it.each([
    ['content that its schema refuses', { amount: 'x' }, 'invoice.created', 'data.amount'],
    ['a type without a schema', { amount: 1 }, 'invoice.paid', 'type'],
    ['a type named like a member of every object', 1, 'constructor', 'type'],
  ])('refuses %s', async (_what, data, type, detail) => {
    const receiver = new Receiver(bob.session, { schemas: { 'invoice.created': invoice } });

    expect(await receiver.open(await envelope(data, { type }))).toMatchObject({
      is: 'refused',
      refusal: { code: 'content_invalid', detail, err: 'invalid_request' },
    });
  });

  it('handles again what its handler failed on, and not what it declined', async () => {
    const receiver = new Receiver(bob.session);
    const one = await envelope();

    await expect(receiver.receive(one, () => Promise.reject(new Error('no disk')))).rejects.toThrow(
      'no disk',
    );
    expect((await receiver.receive(one, () => undefined)).is).toBe('opened');
    const declined = await receiver.receive(await envelope(), () => {
      throw new Declined('no such customer');
    });
    expect(declined).toMatchObject({ refusal: { code: 'declined', err: 'access_denied' } });
  });

  it('does not take what a handler’s own refused call throws for a refusal of the envelope', async () => {
    const receiver = new Receiver(bob.session);

    const forwarding = receiver.receive(await envelope(), async () => {
      await new Sender(bob.session, { patience }).send('nobody', 'a.b', 1);
    });

    await expect(forwarding).rejects.toMatchObject({ code: 'peer_unknown' });
  });

  it('is busy while the same bytes are in hand elsewhere', async () => {
    const replay = new MemoryReplay();
    const [here, there] = [1, 2].map(() => new Receiver(bob.session, { replay }));
    const one = await envelope();
    let finish: () => void = () => undefined;
    let isInHand = false;

    const handling = here?.receive(one, () => {
      isInHand = true;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await until('one has it in hand', () => isInHand);
    expect((await there?.open(one))?.is).toBe('busy');
    finish();

    expect((await handling)?.is).toBe('opened');
    expect((await there?.open(one))?.is).toBe('repeated');
  });
});

describe('consume', () => {
  it('handles each once, acknowledges it, and stops when told', async () => {
    const got: unknown[] = [];
    for (let n = 0; n < 50; n++) exchange.inbox.push(await envelope({ n }));

    const consumer = new Receiver(bob.session).consume({
      concurrency: 4,
      handler: (message) => void got.push((message.data as { n: number }).n),
    });
    await until('all are acknowledged', () => exchange.acknowledged.length === 50);
    await consumer.stop();

    expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    );
    expect(new Set(exchange.acknowledged).size).toBe(50);
  });

  it('never has more in hand than it was told', async () => {
    let working = 0;
    let most = 0;
    for (let n = 0; n < 30; n++) exchange.inbox.push(await envelope({ n }));

    const consumer = new Receiver(bob.session).consume({
      concurrency: 3,
      handler: async () => {
        most = Math.max(most, ++working);
        await new Promise((resolve) => setTimeout(resolve, 2));
        working--;
      },
    });
    await until('all are acknowledged', () => exchange.acknowledged.length === 30);
    await consumer.stop();

    expect(most).toBe(3);
  });

  it('finishes and acknowledges what is in hand when it is stopped', async () => {
    exchange.inbox.push(await envelope());
    let finish: () => void = () => undefined;
    let began = false;
    const consumer = new Receiver(bob.session).consume({
      handler: () =>
        new Promise<void>((resolve) => {
          began = true;
          finish = resolve;
        }),
    });
    await until('it is in hand', () => began);

    const stopped = consumer.stop();
    expect(exchange.acknowledged).toEqual([]);
    finish();
    await stopped;

    expect(exchange.acknowledged).toHaveLength(1);
  });

  it('tells the exchange what it refuses, and leaves what failed for later', async () => {
    const faults: unknown[] = [];
    const forged = (await envelope()).replace(
      /\.[^.]+$/,
      (one) => one.split('').toReversed().join('') + 'A',
    );
    exchange.inbox.push(
      forged,
      await envelope('decline'),
      await envelope('fail'),
      await envelope('fine'),
    );

    const consumer = new Receiver(bob.session).consume({
      handler: ({ data }) => {
        if (data === 'decline') throw new Declined('closed', 'invalid_audience');
        if (data === 'fail') throw new Error('no disk');
      },
      onFault: (fault) => faults.push(fault),
    });
    await until('all has ended', () => exchange.acknowledged.length === 1 && faults.length === 1);
    await consumer.stop();

    const errs = exchange.declined.flatMap((one) => Object.values(one));
    expect(errs.map((one) => one.err).toSorted()).toEqual(['invalid_audience', 'invalid_request']);
  });

  it('goes on through an exchange that restarts', async () => {
    const got: string[] = [];
    const consumer = new Receiver(bob.session).consume({
      patience,
      handler: ({ jti }) => void got.push(jti),
    });
    for (let n = 0; n < 3; n++) {
      exchange.dropConnections();
      exchange.inbox.push(await envelope(n, { jti: `r${n}` }));
      await until('it is handled', () => got.length === n + 1);
    }
    await consumer.stop();

    expect(got.toSorted()).toEqual(['r0', 'r1', 'r2']);
  });

  it('gives the sender signed receipts, when asked', async () => {
    const one = await envelope();
    exchange.inbox.push(one, await envelope('decline'));
    const receiver = new Receiver(bob.session, { receipts: ['verified', 'processed', 'rejected'] });

    const consumer = receiver.consume({
      handler: ({ data }) => {
        if (data === 'decline') throw new Declined('closed');
      },
    });
    await until('all receipts are there', () => exchange.receipts.length === 4);
    await consumer.stop();

    const states = exchange.receipts.map((receipt) => String(claimsOf(receipt)['state']));
    expect(states.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'processed',
      'rejected',
      'verified',
      'verified',
    ]);
    const mine = exchange.receipts.filter(
      (receipt) => (claimsOf(receipt)['envelope'] as { jti: string }).jti === claimsOf(one)['jti'],
    );
    const { directory } = sender();
    for (const receipt of mine)
      expect(await directory.verifyReceipt(receipt, one)).toMatchObject({
        iss: bob.id,
        aud: alice.id,
        recipient: bob.id,
        envelope: { jkt: alice.identity.jkt },
      });
    await expect(directory.verifyReceipt(mine[0] ?? '', await envelope())).rejects.toMatchObject({
      detail: 'envelope.sha256',
    });
  });
});

it('brings its receipts home: sends again what failed in passing, and tells what is refused', async () => {
  const faults: { code?: string }[] = [];
  const answers = [{ status: 503, code: 'unavailable' }, undefined, { status: 404, code: 'x' }];
  exchange.receiptInstead = () => answers.shift();
  const receiver = new Receiver(bob.session, {
    receipts: ['processed'],
    onFault: (fault) => faults.push(fault as { code?: string }),
  });

  for (let n = 0; n < 3; n++) await receiver.open(await envelope(n));
  await receiver.settled();
  exchange.receiptInstead = () => undefined;

  expect(faults.map((fault) => fault.code)).toEqual(['x']);
  expect(exchange.receipts).toHaveLength(2);
});

describe('RedisReplay', () => {
  const url = inject('redisUrl');

  it.skipIf(url === undefined)(
    'lets one of many processes handle an envelope, over a restart of all',
    async () => {
      const redis = new Redis(url ?? '');
      const prefix = `${randomUUID()}:`;
      const receiver = () => new Receiver(bob.session, { replay: new RedisReplay(redis, prefix) });
      const one = await envelope();
      let handled = 0;

      const racing = await Promise.all(
        Array.from({ length: 10 }, () => receiver().receive(one, () => void handled++)),
      );
      const later = await receiver().receive(one, () => void handled++);

      expect(handled).toBe(1);
      expect(racing.filter((verdict) => verdict.is === 'opened')).toHaveLength(1);
      expect(later.is).toBe('repeated');
      expect(
        await redis.pttl(`${prefix}${bob.id} ${alice.id} ${String(claimsOf(one)['jti'])}`),
      ).toBeGreaterThan(86_000_000);
      await redis.quit();
    },
  );
});

it('keeps the private keys of an identity out of everything that can be printed', async () => {
  const { privateJwk } = await Identity.generateKey('enc', 'ECDH-ES');
  const { privateJwk: sig } = await Identity.generateKey('sig', 'ES256');
  const identity = await Identity.of('acme', [sig, privateJwk]);
  const { inspect } = await import('node:util');

  const text = inspect(identity, { depth: 10, showHidden: true }) + JSON.stringify(identity);

  expect(text).not.toContain(String(privateJwk['d']));
  expect(text).not.toContain(String(sig['d']));
});

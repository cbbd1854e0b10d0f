import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEnvelope } from '../../src/client/index.js';
import type { Outcome, Partner } from '../support/partner.js';
import { claimsOf, type Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { ISSUER, World } from '../support/world.js';

interface EndpointView {
  readonly id: string;
  readonly url: string;
  readonly status: string;
}

let world: World;
beforeAll(async () => {
  world = await World.make();
});
afterAll(() => world.stop());

function create(who: Partner, json: object): Promise<EndpointView> {
  return who.call('POST', '/v1/endpoints', { json });
}

function tries(who: Partner, method: string, path: string, json?: unknown): Promise<Outcome> {
  return who.try(who.call(method, path, json === undefined ? {} : { json }));
}

async function silent(): Promise<Receiver> {
  const receiver = await world.receiver();
  receiver.answersChallenge = false;
  return receiver;
}

/** The challenge that came to the receiver last, once one more than `before` came. */
async function challengeAt(receiver: Receiver, before = 0): Promise<string> {
  await until('a challenge comes', () => receiver.challenges.length > before);
  const last = receiver.challenges.at(-1);
  return (last?.claims['data'] as { challenge: string } | undefined)?.challenge ?? '';
}

type WrongAnswer = readonly [status: number, body: string];

/** A server that answers a challenge in its own way; `asked` are the challenges that came. */
async function answering(answer: (challenge: string) => WrongAnswer) {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
    incoming.on('end', () => {
      const { challenge } = claimsOf(body)['data'] as { challenge: string };
      asked.push(challenge);
      const [status, text] = answer(challenge);
      response.writeHead(status, { location: '/elsewhere' }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/in`, asked, stop };
}

/** A recipient with an endpoint, and a sender that may send to it. */
async function pair(): Promise<{ owner: Partner; sender: Partner }> {
  const [owner, sender] = [await world.partner(), await world.partner()];
  await owner.allow(sender);
  return { owner, sender };
}

describe('the ownership of an endpoint', () => {
  it('is shown by the answer to the challenge', async () => {
    const [owner, receiver] = [await world.partner(), await world.receiver()];

    const made = await create(owner, { url: receiver.url });

    expect(made).toMatchObject({
      status: 'unverified',
      types: ['*'],
      senders: [],
      format: 'jwt',
      url: receiver.url,
    });
    await until('the endpoint is active', async () => {
      const { status } = await owner.call<EndpointView>('GET', `/v1/endpoints/${made.id}`);
      return status === 'active';
    });
  });

  it('is asked for by an envelope of the exchange, bound to owner, endpoint and URL', async () => {
    const [owner, receiver] = [await world.partner(), await silent()];

    const { id } = await create(owner, { url: receiver.url });

    await challengeAt(receiver);
    const [came] = receiver.challenges;
    const claims = await verifyEnvelope(
      came?.body ?? '',
      await owner.exchange.call('GET', '/.well-known/jwks.json'),
    );
    expect(claims).toMatchObject({
      iss: 'sealpost',
      aud: owner.id,
      via: ISSUER,
      type: 'sealpost.endpoint.verification',
      data: { endpoint: id, url: receiver.url },
    });
    expect(came?.headers['content-type']).toBe('application/jwt');
  });

  it('is shown by posting the challenge to /verify', async () => {
    const [owner, receiver] = [await world.partner(), await silent()];
    const { id } = await create(owner, { url: receiver.url });
    const challenge = await challengeAt(receiver);

    const verified = await tries(owner, 'POST', `/v1/endpoints/${id}/verify`, { challenge });
    const again = await tries(owner, 'POST', `/v1/endpoints/${id}/verify`, { challenge });

    expect(verified).toMatchObject({ id, status: 'active' });
    expect(again).toEqual(verified);
  });

  it.each<[string, unknown]>([
    ['another text', 'A'.repeat(43)],
    ['an empty text', ''],
    ['a long text', 'A'.repeat(129)],
    ['null', null],
    ['a list', []],
    ['a number', 1],
  ])('is not shown by %s as the challenge', async (_, challenge) => {
    const [owner, receiver] = [await world.partner(), await silent()];
    const { id } = await create(owner, { url: receiver.url });
    await challengeAt(receiver);

    const answer = await tries(owner, 'POST', `/v1/endpoints/${id}/verify`, { challenge });

    expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(await owner.call('GET', `/v1/endpoints/${id}`)).toMatchObject({ status: 'unverified' });
  });

  it('is not shown by any other answer: the challenge comes again', async () => {
    const asking = await World.make();
    const servers = await Promise.all(
      [
        (): WrongAnswer => [200, '{"challenge":"wrong"}'],
        (challenge: string): WrongAnswer => [201, JSON.stringify({ challenge })],
        (challenge: string): WrongAnswer => [200, challenge],
        (challenge: string): WrongAnswer => [200, `{"challenge":"","challenge":"${challenge}"}`],
        (challenge: string): WrongAnswer => [200, JSON.stringify([challenge])],
        (challenge: string): WrongAnswer => [200, JSON.stringify({ challenge: [challenge] })],
        (challenge: string): WrongAnswer => [302, JSON.stringify({ challenge })],
      ].map(answering),
    );
    try {
      const owner = await asking.partner();
      for (const { url } of servers) await create(owner, { url });
      for (const { asked } of servers) await until('a challenge', () => asked.length === 1);

      asking.clock.advance(10_001);

      for (const { asked } of servers) await until('another one', () => asked.length === 2);
      const { items } = await owner.call<{ items: EndpointView[] }>('GET', '/v1/endpoints');
      expect(items.map(({ status }) => status)).toEqual(servers.map(() => 'unverified'));
      expect(servers.map(({ asked }) => new Set(asked).size)).toEqual(servers.map(() => 1));
    } finally {
      await asking.stop();
      for (const { stop } of servers) stop();
    }
  });

  it('is not shown by another endpoint’s challenge, nor by that of another partner', async () => {
    const [owner, other, receiver] = [await world.partner(), await world.partner(), await silent()];
    const first = await create(owner, { url: receiver.url });
    const challenge = await challengeAt(receiver);
    const [second, theirs] = [
      await create(owner, { url: receiver.url }),
      await create(other, { url: receiver.url }),
    ];

    expect(
      await tries(owner, 'POST', `/v1/endpoints/${second.id}/verify`, { challenge }),
    ).toMatchObject({ code: 'validation_failed' });
    expect(
      await tries(other, 'POST', `/v1/endpoints/${theirs.id}/verify`, { challenge }),
    ).toMatchObject({ code: 'validation_failed' });
    expect(
      await tries(other, 'POST', `/v1/endpoints/${first.id}/verify`, { challenge }),
    ).toMatchObject({ code: 'not_found' });
  });

  it('cannot be asked for more than once a minute', async () => {
    const [owner, receiver] = [await world.partner(), await silent()];
    const { id } = await create(owner, { url: receiver.url });
    await challengeAt(receiver);
    await world.db.query('update endpoint set challenge_due_at = null where id = $1', [id]);

    const answer = await tries(owner, 'POST', `/v1/endpoints/${id}/verify`);

    expect(answer).toMatchObject({ status: 429, code: 'rate_limited' });
  });

  it('has to be shown again for another URL; until then nothing is pushed there', async () => {
    const { owner, sender } = await pair();
    const [first, second] = [await world.receiver(), await silent()];
    const id = await owner.listens(first);
    const old = first.challenges[0]?.claims['data'] as { challenge: string };

    const same = await tries(owner, 'PATCH', `/v1/endpoints/${id}`, { url: first.url });
    const changed = await tries(owner, 'PATCH', `/v1/endpoints/${id}`, { url: second.url });

    expect(same).toMatchObject({ status: 'active' });
    expect(changed).toMatchObject({ status: 'unverified', url: second.url });
    const sent = await sender.sends(owner);
    const challenge = await challengeAt(second);
    expect(
      await tries(owner, 'POST', `/v1/endpoints/${id}/verify`, { challenge: old.challenge }),
    ).toMatchObject({ code: 'validation_failed' });
    expect(await owner.deliveries(String(sent['id']))).toMatchObject([{ method: 'poll' }]);
    await tries(owner, 'POST', `/v1/endpoints/${id}/verify`, { challenge });
    await sender.sends(owner);
    await second.have(1);
    expect(first.received).toEqual([]);
  });

  it('does not bring the URL change a delivery that began for the old one', async () => {
    const { owner, sender } = await pair();
    const [first, second] = [await world.receiver(), await silent()];
    first.answer = () => ({ status: 503 });
    const id = await owner.listens(first);
    const sent = await sender.sends(owner);
    await first.have(1);

    await tries(owner, 'PATCH', `/v1/endpoints/${id}`, { url: second.url });
    await challengeAt(second);

    expect(second.received).toEqual([]);
    const [delivery] = await owner.deliveries(String(sent['id']));
    expect(delivery?.state).toMatch(/^(?:waiting|queued|available)$/);
  });
});

describe('an endpoint', () => {
  it('gets what its types and senders say; the rest goes to the inbox', async () => {
    const { owner, sender } = await pair();
    const other = await world.partner();
    await owner.allow(other);
    const receiver = await world.receiver();
    const id = await owner.listens(receiver, { types: ['invoice.*'], senders: [sender.id] });

    await other.sends(owner, { type: 'invoice.created', jti: 'by-other' });
    await sender.sends(owner, { type: 'order.created', jti: 'order' });
    await sender.sends(owner, { type: 'invoice.created', jti: 'invoice' });

    const [received] = await receiver.have(1);
    expect(received?.claims['jti']).toBe('invoice');
    const { sets } = await owner.poll({ returnImmediately: true });
    expect(Object.keys(sets)).toHaveLength(2);
    expect(await owner.call('GET', `/v1/endpoints/${id}`)).toMatchObject({ senders: [sender.id] });
  });

  it('that is deleted leaves what waits for it to the inbox', async () => {
    const { owner, sender } = await pair();
    const receiver = await world.receiver();
    receiver.answer = () => ({ status: 503 });
    const id = await owner.listens(receiver);
    const sent = await sender.sends(owner);
    await receiver.have(1);
    await owner.reaches(sent['id'], 'waiting');

    expect(await owner.call('DELETE', `/v1/endpoints/${id}`)).toBeUndefined();

    await owner.reaches(sent['id'], 'available');
    const { sets } = await owner.poll({ returnImmediately: true });
    expect(Object.keys(sets)).toHaveLength(1);
    expect(await tries(owner, 'GET', `/v1/endpoints/${id}`)).toMatchObject({ status: 404 });
    expect(await tries(owner, 'DELETE', `/v1/endpoints/${id}`)).toMatchObject({ status: 404 });
  });

  it('that answered 410 is disabled: deliveries wait, and go on when it is enabled', async () => {
    const { owner, sender } = await pair();
    const receiver = await world.receiver();
    receiver.answer = () => ({ status: 410 });
    const id = await owner.listens(receiver);
    await sender.sends(owner, { jti: 'gone' });
    const disabled = await until('the endpoint is disabled', async () => {
      const view = await owner.call<EndpointView>('GET', `/v1/endpoints/${id}`);
      return view.status === 'disabled' && view;
    });
    receiver.answer = () => ({ status: 202 });

    const verify = await tries(owner, 'POST', `/v1/endpoints/${id}/verify`);
    const enabled = await tries(owner, 'POST', `/v1/endpoints/${id}/enable`);
    const again = await tries(owner, 'POST', `/v1/endpoints/${id}/enable`);
    await sender.sends(owner, { jti: 'after' });

    expect(disabled).toMatchObject({ statusReason: expect.any(String) });
    expect(verify).toMatchObject({ status: 409, code: 'conflict' });
    expect(enabled).toMatchObject({ status: 'active' });
    expect(enabled['statusReason']).toBeUndefined();
    expect(again).toEqual(enabled);
    await until('the envelope sent after comes', () =>
      receiver.received.some(({ claims }) => claims['jti'] === 'after'),
    );
  });

  it('that was never verified cannot be enabled', async () => {
    const [owner, receiver] = [await world.partner(), await silent()];
    const { id } = await create(owner, { url: receiver.url });

    const answer = await tries(owner, 'POST', `/v1/endpoints/${id}/enable`);

    expect(answer).toMatchObject({ status: 409, code: 'conflict' });
  });

  it('is one of twenty at most, however many come at once', async () => {
    const owner = await world.partner();
    const url = 'http://127.0.0.1:9/in';

    const answers = await Promise.all(
      Array.from({ length: 24 }, () => tries(owner, 'POST', '/v1/endpoints', { url })),
    );

    expect(answers.filter((one) => one['id'] !== undefined)).toHaveLength(20);
    for (const { code } of answers.filter((one) => one['id'] === undefined))
      expect(code).toBe('conflict');
    const ids: string[] = [];
    let query = '?limit=7';
    while (query !== '') {
      const page: { items: EndpointView[]; next?: string } = await owner.call(
        'GET',
        `/v1/endpoints${query}`,
      );
      ids.push(...page.items.map(({ id }) => id));
      query = page.next === undefined ? '' : `?limit=7&after=${page.next}`;
    }
    expect(new Set(ids).size).toBe(20);
  });

  it('of another partner is not there, whatever is asked of it', async () => {
    const [owner, other, receiver] = [await world.partner(), await world.partner(), await silent()];
    const { id } = await create(owner, { url: receiver.url });
    const nobodys = '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11';
    const all: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { types: ['a.*'] }],
      ['DELETE', ''],
      ['POST', '/verify', { challenge: await challengeAt(receiver) }],
      ['POST', '/verify'],
      ['POST', '/enable'],
    ];

    for (const [method, way, json] of all) {
      const theirs = await tries(other, method, `/v1/endpoints/${id}${way}`, json);
      const none = await tries(other, method, `/v1/endpoints/${nobodys}${way}`, json);
      const malformed = await tries(other, method, `/v1/endpoints/1${way}`, json);
      expect(theirs).toMatchObject({ status: 404, code: 'not_found' });
      expect({ ...theirs, instance: '' }).toEqual({ ...none, instance: '' });
      expect({ ...malformed, instance: '' }).toEqual({ ...none, instance: '' });
    }
    expect(await other.call('GET', '/v1/endpoints')).toEqual({ items: [] });
    expect(await owner.call('GET', `/v1/endpoints/${id}`)).toMatchObject({ types: ['*'] });
  });

  it('never shows its challenge', async () => {
    const [owner, receiver] = [await world.partner(), await silent()];
    const made = await create(owner, { url: receiver.url });
    const challenge = await challengeAt(receiver);

    const seen = [
      made,
      await owner.call('GET', '/v1/endpoints'),
      await tries(owner, 'PATCH', `/v1/endpoints/${made.id}`, { types: ['a'] }),
      await tries(owner, 'POST', `/v1/endpoints/${made.id}/verify`, { challenge: 'x' }),
    ];

    expect(JSON.stringify(seen)).not.toContain(challenge);
  });

  it.each<[string, object]>([
    ['no url', {}],
    ['a number as url', { url: 1 }],
    ['null as url', { url: null }],
    ['a long url', { url: `http://127.0.0.1/${'a'.repeat(2050)}` }],
    ['another format', { url: 'http://127.0.0.1/', format: 'cloudevents' }],
    ['its own status', { url: 'http://127.0.0.1/', status: 'active' }],
    ['its own challenge', { url: 'http://127.0.0.1/', challenge: 'A'.repeat(43) }],
    ['another owner', { url: 'http://127.0.0.1/', partnerId: 'other' }],
    ['no types at all', { url: 'http://127.0.0.1/', types: [] }],
    ['a reserved sender', { url: 'http://127.0.0.1/', senders: ['operator'] }],
    ['a sender twice', { url: 'http://127.0.0.1/', senders: ['a', 'a'] }],
  ])('may not have %s', async (_, json) => {
    const owner = await shared();

    const made = await tries(owner, 'POST', '/v1/endpoints', json);

    expect(made).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(await owner.call('GET', '/v1/endpoints')).toEqual({ items: [] });
  });

  it.each([
    { status: 'active' },
    { format: 'jwt' },
    { challenge: 'x' },
    { url: null },
    { types: null },
    { senders: null },
    { id: 'x' },
  ])('is not changed by %j', async (json) => {
    const owner = await world.partner();
    const made = await create(owner, { url: 'http://127.0.0.1:9/in' });

    const answer = await tries(owner, 'PATCH', `/v1/endpoints/${made.id}`, json);

    expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
  });
});

describe('a URL', () => {
  let strict: World;
  let owner: Partner;
  beforeAll(async () => {
    strict = await World.make({ settings: { EGRESS_ALLOW: '', EGRESS_HTTP: '' } });
    owner = await strict.partner();
  });
  afterAll(() => strict.stop());

  it.each([
    'http://hooks.globex.example/in',
    'ftp://hooks.globex.example/in',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'gopher://hooks.globex.example/',
    'https://user:secret@hooks.globex.example/in',
    'https://127.0.0.1/in',
    'https://127.1/in',
    'https://2130706433/in',
    'https://0x7f000001/in',
    'https://0177.0.0.1/in',
    'https://10.0.0.1/in',
    'https://172.16.0.1/in',
    'https://192.168.1.1/in',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/in',
    'https://0.0.0.0/in',
    'https://224.0.0.1/in',
    'https://[::1]/in',
    'https://[::]/in',
    'https://[::ffff:127.0.0.1]/in',
    'https://[64:ff9b::7f00:1]/in',
    'https://[fe80::1]/in',
    'https://[fd00::1]/in',
    'https://localhost/in',
    'https://localhost./in',
    'https://postgres/in',
    'https://redis.internal/in',
    'https://metadata.google.internal/in',
    'https://hooks.globex.example:22/in',
    'https://hooks.globex.example:8443/in',
    'https://',
    '//hooks.globex.example/in',
    'hooks.globex.example/in',
    'not a url',
    '',
    'https://hooks.globex.example/in\r\nx: y',
    ' https://hooks.globex.example/in',
    'https://hooks.globex.example\\@127.0.0.1/in',
  ])('like %j is rejected, without a word of it in the answer', async (url) => {
    const made = await tries(owner, 'POST', '/v1/endpoints', { url });

    expect(made).toMatchObject({ status: 422, code: 'url_rejected', detail: expect.any(String) });
    expect(made['detail']).not.toContain(url === '' ? 'http' : url);
    expect(await owner.call('GET', '/v1/endpoints')).toEqual({ items: [] });
  });

  it('that is rejected changes nothing', async () => {
    const made = await owner.call<EndpointView>('POST', '/v1/endpoints', {
      json: { url: 'https://hooks.globex.example/in' },
    });

    const answer = await tries(owner, 'PATCH', `/v1/endpoints/${made.id}`, {
      url: 'https://10.0.0.1/in',
      types: ['a.*'],
    });

    expect(answer).toMatchObject({ status: 422, code: 'url_rejected' });
    expect(await owner.call('GET', `/v1/endpoints/${made.id}`)).toMatchObject({
      url: 'https://hooks.globex.example/in',
      types: ['*'],
    });
    await owner.call('DELETE', `/v1/endpoints/${made.id}`);
  });
});

let one: Partner | undefined;

/** A partner for requests that change nothing. */
async function shared(): Promise<Partner> {
  one ??= await world.partner();
  return one;
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Partner } from '../support/partner.js';
import { request } from '../support/wire.js';
import { World } from '../support/world.js';

let world: World;
let alice: Partner;
let bob: Partner;
let mallory: Partner;

beforeAll(async () => {
  world = await World.make();
  [alice, bob] = [await world.partner('alice'), await world.partner('bob')];
  mallory = await world.partner('mallory');
  await bob.allow(alice);
});
afterAll(() => world.stop());

const NOBODYS = '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11';

describe('an envelope of two others', () => {
  it.each(['', '/receipts'])('is not there at /v1/envelopes/:id%s (183, 194)', async (way) => {
    const { id } = await alice.sends(bob);

    const theirs = await mallory.try(mallory.call('GET', `/v1/envelopes/${String(id)}${way}`));
    const none = await mallory.try(mallory.call('GET', `/v1/envelopes/${NOBODYS}${way}`));

    expect(theirs).toMatchObject({ status: 404, code: 'not_found' });
    expect({ ...theirs, instance: '' }).toEqual({ ...none, instance: '' });
    expect(await alice.try(alice.call('GET', `/v1/envelopes/${String(id)}`))).toMatchObject({ id });
  });

  it('is in no list, whatever it is searched by (183)', async () => {
    const { id } = await alice.sends(bob);

    for (const query of ['', '?peer=alice', '?peer=bob', '?type=invoice.created']) {
      const page = await mallory.call<object>('GET', `/v1/envelopes${query}`);
      expect(JSON.stringify(page)).not.toContain(String(id));
    }
  });

  it('is neither acknowledged nor declined by its sender or a third (185, 186)', async () => {
    const { id } = await alice.sends(bob);
    const delivery = (await alice.deliveries(String(id)))[0]?.id ?? '';
    const setErrs = { [delivery]: { err: 'invalid_key' } };

    for (const other of [alice, mallory]) {
      await other.poll({ maxEvents: 0, ack: [delivery], returnImmediately: true });
      await other.poll({ maxEvents: 0, setErrs, returnImmediately: true });
    }

    expect(await alice.deliveries(String(id))).toMatchObject([{ state: 'available' }]);
  });
});

describe('members that would give more than was asked for (189)', () => {
  it.each([
    ['PUT', '/v1/grants/alice', { types: ['*'] }, { recipient: 'bob' }],
    ['PUT', '/v1/grants/alice', { types: ['*'] }, { sender: 'bob' }],
    ['POST', '/v1/endpoints', { url: 'http://127.0.0.1:9/' }, { verified: true }],
    ['POST', '/v1/endpoints', { url: 'http://127.0.0.1:9/' }, { owner: 'bob' }],
    ['POST', '/v1/keys', { jwk: {}, statement: 'x' }, { status: 'active' }],
    ['POST', '/v1/inbox/poll', { maxEvents: 'x' }, { recipient: 'bob' }],
    ['POST', '/v1/envelopes', { envelopes: [] }, { iss: 'alice' }],
    ['POST', '/v1/receipts', { receipts: [] }, { recipient: 'bob' }],
  ])('are refused: %s %s', async (method, path, body, more) => {
    const answer = await mallory.try(
      mallory.call(method, path, { json: { ...body, ...more, role: 'admin', scope: 'operator' } }),
    );

    expect(answer['status']).toBe(400);
    expect(await mallory.call('GET', '/v1/grants')).toEqual({ items: [] });
    expect(await mallory.call('GET', '/v1/endpoints')).toEqual({ items: [] });
  });
});

describe('somebody else’s id', () => {
  it.each(['PUT', 'PATCH', 'DELETE', 'POST'])('is not written over by %s (201)', async (method) => {
    const before = await world.rows(`select * from partner order by id`);

    const answer = await request(world.url, method, '/v1/partners/alice', {
      token: await mallory.token(),
      json: { name: 'Mallory', contact: 'm@m.example', status: 'suspended' },
    });

    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(await world.rows(`select * from partner order by id`)).toEqual(before);
  });

  it('is not had by saying so in a header (193)', async () => {
    for (const name of ['x-forwarded-user', 'x-partner-id', 'x-forwarded-for', 'x-real-ip'])
      expect(
        await request(world.url, 'GET', '/v1/keys', { headers: { [name]: 'alice' } }),
      ).toMatchObject({ status: 401 });
  });
});

describe('an id that the exchange gives (195)', () => {
  it('says when, but neither how many there are nor what comes next', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => alice.sends(bob)));

    const random = ids.map(({ id }) => String(id).slice(19));

    expect(new Set(random).size).toBe(20);
    for (const { id } of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});

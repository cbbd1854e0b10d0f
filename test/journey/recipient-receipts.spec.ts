import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyReceipt } from '../../src/client/index.js';
import type { Partner } from '../support/partner.js';
import { ISSUER, World } from '../support/world.js';

interface Result {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
}

describe('receipts by the recipient', () => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let eve: Partner;

  beforeAll(async () => {
    world = await World.make();
    [alice, bob, eve] = [
      await world.partner('alice'),
      await world.partner('bob'),
      await world.partner('eve'),
    ];
    await bob.allow(alice);
  });
  afterAll(() => world.stop());

  const sent = async (): Promise<{ id: string; envelope: string; jti: string }> => {
    const envelope = await alice.sign({ to: 'bob', type: 'invoice.created', data: 1 });
    const { id, jti } = await alice.deliver(envelope);
    return { id, envelope, jti };
  };
  const collected = async (): Promise<{ id: string; envelope: string; jti: string }> => {
    const one = await sent();
    const { sets } = await bob.poll({ returnImmediately: true });
    await bob.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
    return one;
  };
  const claims = (
    { envelope, jti }: { envelope: string; jti: string },
    more: object = {},
  ): Record<string, unknown> => ({
    iss: 'bob',
    aud: 'alice',
    via: ISSUER,
    jti: `r-${Math.random()}`,
    iat: Math.floor(Date.now() / 1000),
    state: 'verified',
    envelope: {
      iss: 'alice',
      jti,
      sha256: createHash('sha256').update(envelope).digest('base64url'),
      jkt: alice.identity.jkt,
    },
    recipient: 'bob',
    ...more,
  });
  const post = async (by: Partner, ...receipts: string[]): Promise<Result[]> => {
    const { results } = await by.call<{ results: Result[] }>('POST', '/v1/receipts', {
      json: { receipts },
    });
    return results;
  };
  const TYP = 'sealpost-receipt+jwt';

  it('are shown to the sender and verify with the recipient’s published keys', async () => {
    const one = await collected();
    const verified = await bob.identity.sign(TYP, claims(one));
    const processed = await bob.identity.sign(TYP, claims(one, { state: 'processed' }));

    expect(await post(bob, verified)).toEqual([{ status: 201 }]);
    expect(await post(bob, processed)).toEqual([{ status: 201 }]);

    const receipts = await alice.receipts(one.id);
    expect(receipts.map(({ state, issuer }) => `${state} by ${issuer}`)).toEqual([
      `accepted by ${ISSUER}`,
      `delivered by ${ISSUER}`,
      'verified by bob',
      'processed by bob',
    ]);
    const jwks = await alice.call<{ keys: Record<string, unknown>[] }>(
      'GET',
      '/v1/partners/bob/jwks.json',
    );
    const stated = await verifyReceipt(receipts[2]?.receipt ?? '', jwks, {
      issuer: 'bob',
      envelope: one.envelope,
    });
    expect(stated.state).toBe('verified');
  });

  it('are taken once per state; the same one again is no harm', async () => {
    const one = await collected();
    const first = await bob.identity.sign(TYP, claims(one));
    const other = await bob.identity.sign(TYP, claims(one));

    const results = [...(await post(bob, first)), ...(await post(bob, first, other))];

    expect(results).toMatchObject([
      { status: 201 },
      { status: 201 },
      { status: 409, code: 'conflict' },
    ]);
  });

  it('are refused before a delivery to the recipient began', async () => {
    const one = await sent();

    const [result] = await post(bob, await bob.identity.sign(TYP, claims(one)));

    expect(result).toMatchObject({ status: 404, code: 'not_found' });
    await bob.poll({ returnImmediately: true });
    const [later] = await post(bob, await bob.identity.sign(TYP, claims(one)));
    expect(later).toEqual({ status: 201 });
  });

  it.each([
    ['another issuer', { iss: 'alice' }, 'claims_invalid'],
    ['another exchange', { via: 'https://other.example' }, 'claims_invalid'],
    ['another recipient', { recipient: 'eve' }, 'claims_invalid'],
    ['a state of the exchange', { state: 'delivered' }, 'claims_invalid'],
    ['a time to come', { iat: Math.floor(Date.now() / 1000) + 3600 }, 'claims_invalid'],
    ['no jti', { jti: undefined }, 'claims_invalid'],
    ['another sender', { aud: 'eve' }, 'claims_invalid'],
    ['no envelope', { envelope: undefined }, 'claims_invalid'],
  ])('are refused with %s', async (_what, more, code) => {
    const one = await collected();

    const [result] = await post(bob, await bob.identity.sign(TYP, claims(one, more)));

    expect(result?.code).toBe(code);
    expect(await alice.receipts(one.id)).toHaveLength(2);
  });

  it('are refused about other bytes, by another partner, and as another kind of token', async () => {
    const one = await collected();
    const otherBytes = { ...one, envelope: `${one.envelope}x` };
    const byEve = claims(one, { iss: 'eve', recipient: 'eve' });

    expect(await post(bob, await bob.identity.sign(TYP, claims(otherBytes)))).toMatchObject([
      { code: 'not_found' },
    ]);
    expect(await post(eve, await eve.identity.sign(TYP, byEve))).toMatchObject([
      { code: 'not_found' },
    ]);
    expect(await post(eve, await bob.identity.sign(TYP, claims(one)))).toMatchObject([
      { code: 'key_unknown' },
    ]);
    expect(await post(bob, one.envelope)).toMatchObject([{ code: 'header_not_allowed' }]);
  });
});

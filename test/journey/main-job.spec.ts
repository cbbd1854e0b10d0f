import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyReceipt } from '../../src/client/index.js';
import type { Partner } from '../support/partner.js';
import { engines, ISSUER, World } from '../support/world.js';

describe.each(engines())('the main job on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;

  beforeAll(async () => {
    world = await World.make({ engine });
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    await bob.allow(alice, ['invoice.*']);
  });
  afterAll(() => world.stop());

  it('delivers by webhook exactly the bytes that were signed, and both hold signed receipts', async () => {
    const receiver = await world.receiver();
    await bob.listens(receiver, { types: ['invoice.pushed'] });
    const envelope = await alice.sign({
      to: bob.id,
      type: 'invoice.pushed',
      data: { amount: 1.5 },
    });

    const accepted = await alice.deliver(envelope);

    const [received] = await receiver.have(1);
    expect(received?.body).toBe(envelope);
    expect(received?.headers['content-type']).toBe('application/jwt');
    const delivery = await alice.reaches(accepted.id, 'delivered');
    expect(received?.headers['webhook-id']).toBe(delivery.id);
    const jwks = await alice.exchange.call<{ keys: Record<string, unknown>[] }>(
      'GET',
      '/.well-known/jwks.json',
    );
    const receipts = await bob.receipts(accepted.id);
    expect(receipts.map((one) => one.state)).toEqual(['accepted', 'delivered']);
    for (const { receipt, state } of receipts) {
      const claims = await verifyReceipt(receipt, jwks, { issuer: ISSUER, envelope });
      expect(claims).toMatchObject({ state, aud: 'alice', recipient: 'bob', via: ISSUER });
    }
  });

  it('delivers by poll what no endpoint wants, until it is acknowledged', async () => {
    const sent = await alice.sends(bob, { type: 'invoice.polled' });

    const polled = await bob.poll({ returnImmediately: true });
    const [id = ''] = Object.keys(polled.sets);
    await bob.poll({ ack: [id], returnImmediately: true, maxEvents: 0 });

    expect(Object.keys(polled.sets)).toHaveLength(1);
    expect(await alice.reaches(sent['id'], 'acknowledged')).toMatchObject({ id, method: 'poll' });
    expect((await alice.receipts(sent['id'])).map((one) => one.state)).toEqual([
      'accepted',
      'delivered',
    ]);
  });
});

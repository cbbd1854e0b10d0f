import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignAlg } from '../../src/crypto/index.js';
import type { Partner } from '../support/partner.js';
import { World } from '../support/world.js';

let world: World;
let bob: Partner;

beforeAll(async () => {
  world = await World.make({ settings: { RETRY_SCHEDULE_MS: '200' } });
  bob = await world.partner('bob');
});
afterAll(() => world.stop());

async function allow(sender: Partner, algorithms?: readonly string[]): Promise<unknown> {
  return bob.call('PUT', `/v1/grants/${sender.id}`, {
    json: { types: ['*'], ...(algorithms === undefined ? {} : { algorithms }) },
  });
}

describe('a grant with algorithms', () => {
  it.each<[SignAlg, readonly string[], number]>([
    ['Ed25519', ['Ed25519'], 200],
    ['EdDSA', ['Ed25519'], 200],
    ['EdDSA', ['ES256'], 403],
    ['Ed25519', ['ES256', 'ML-DSA-65'], 403],
    ['ES256', ['ES256'], 200],
    ['ES256', ['PS256'], 403],
    ['ML-DSA-44', ['ML-DSA-44', 'ML-DSA-65'], 200],
  ])('answers what a key of %s signed, when it takes %j, with %d', async (alg, takes, status) => {
    const sender = await world.partner(undefined, { alg });
    await allow(sender, takes);

    const outcome = await sender.sends(bob);

    expect(outcome.status).toBe(status);
    if (status === 403) expect(outcome.code).toBe('not_granted');
  });

  it('says what it takes, and without it takes every one again', async () => {
    const sender = await world.partner();

    const narrow = await allow(sender, ['ES256']);
    const refused = await sender.sends(bob);
    const wide = await allow(sender);
    const taken = await sender.sends(bob);

    expect(narrow).toMatchObject({ algorithms: ['ES256'] });
    expect(wide).not.toHaveProperty('algorithms');
    expect([refused.status, taken.status]).toEqual([403, 200]);
  });

  it('holds for what waits: what it no longer takes is rejected, in the inbox and before a push', async () => {
    const sender = await world.partner();
    await allow(sender);
    const polled = await sender.sends(bob, { type: 'poll' });
    const receiver = await world.receiver();
    await bob.listens(receiver, { types: ['push'] });
    receiver.answer = () => ({ status: 503 });
    const pushed = await sender.sends(bob, { type: 'push' });
    await receiver.have(1);

    await allow(sender, ['ES256']);
    const { sets } = await bob.poll({ returnImmediately: true });

    expect(Object.keys(sets)).not.toContain(polled.id);
    expect((await sender.reaches(polled.id, 'rejected')).reason).toBe('not_granted');
    expect((await sender.reaches(pushed.id, 'rejected')).reason).toBe('not_granted');
  });
});

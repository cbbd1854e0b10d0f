import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/platform/index.js';
import type { Partner } from '../support/partner.js';
import { World } from '../support/world.js';

let world: World;
let alice: Partner;
let bob: Partner;

beforeAll(async () => {
  world = await World.make();
  [alice, bob] = [await world.partner('alice'), await world.partner('bob')];
  await bob.allow(alice);
});
afterAll(() => world.stop());

describe('what is sent again', () => {
  it('with the same content and a new jti is another envelope (156)', async () => {
    const data = { amount: 10 };
    const answers = [await alice.sends(bob, { data }), await alice.sends(bob, { data })];

    const { sets } = await bob.poll({ returnImmediately: true, maxEvents: 10 });

    expect(new Set(answers.map(({ id }) => id)).size).toBe(2);
    expect(Object.keys(sets)).toHaveLength(2);
    await bob.poll({ maxEvents: 0, ack: Object.keys(sets), returnImmediately: true });
  });

  it('cannot outlive what is remembered: no setting keeps a jti for less than an envelope lives (157)', () => {
    const env = { ISSUER: 'https://exchange.test' };

    for (const days of ['0', '1', '7'])
      expect(() => readSettings({ ...env, RETENTION_DAYS: days })).toThrow('RETENTION_DAYS');
    expect(readSettings({ ...env, RETENTION_DAYS: '8' }).RETENTION_DAYS).toBe(8);
  });
});

describe('a clock that is behind the one that accepted', () => {
  it.each([
    ['two minutes (165)', 120_000],
    ['an hour: it was set back (164)', 3_600_000],
  ])('by %s still delivers, and once', async (_, behindMs) => {
    await Promise.all([alice.token(), bob.token()]);
    const { id } = await alice.sends(bob);
    world.clock.advance(-behindMs);
    try {
      const { sets } = await bob.poll({ returnImmediately: true });
      await bob.poll({ maxEvents: 0, ack: Object.keys(sets), returnImmediately: true });
      const again = await bob.poll({ returnImmediately: true });

      expect(Object.keys(sets)).toHaveLength(1);
      expect(again.sets).toEqual({});
    } finally {
      world.clock.advance(behindMs);
    }
    expect(await alice.deliveries(String(id))).toMatchObject([{ state: 'acknowledged' }]);
  });
});

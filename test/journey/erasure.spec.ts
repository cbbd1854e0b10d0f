import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Partner } from '../support/partner.js';
import { expectSoundLedger } from '../support/ledger.js';
import { type Answered, request } from '../support/wire.js';
import { World } from '../support/world.js';

const SECRET = 'what-nobody-should-keep';

let world: World;
let alice: Partner;
let bob: Partner;
let carol: Partner;

beforeAll(async () => {
  world = await World.make();
  [alice, bob, carol] = (await Promise.all(
    ['alice', 'bob', 'carol'].map((id) => world.partner(id)),
  )) as [Partner, Partner, Partner];
  await bob.allow(alice);
});
afterAll(async () => {
  await expectSoundLedger(world);
  await world.stop();
});

async function sent(): Promise<string> {
  const { id } = await alice.sends(bob, { data: { said: SECRET } });
  return String(id);
}

async function delivered(): Promise<string> {
  const id = await sent();
  const { sets } = await bob.poll({ returnImmediately: true });
  await bob.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
  await alice.reaches(id, 'acknowledged');
  return id;
}

async function erase(who: Partner, id: string): Promise<Answered> {
  return request(world.url, 'DELETE', `/v1/envelopes/${id}/content`, { token: await who.token() });
}

async function stored(id: string): Promise<{ body: string; erased_at: Date | null }> {
  const [row] = await world.rows<{ body: string; erased_at: Date | null }>(
    'select body, erased_at from envelope where id = $1',
    [id],
  );
  if (row === undefined) throw new Error('no such envelope');
  return row;
}

describe('DELETE /v1/envelopes/:id/content', () => {
  it.each([
    ['its sender', () => alice],
    ['its recipient', () => bob],
  ])('by %s takes the content out; digest, timeline and receipts stay', async (_, who) => {
    const id = await delivered();
    const before = await alice.call<Record<string, unknown>>('GET', `/v1/envelopes/${id}`);
    const receipts = await alice.receipts(id);
    expect((await stored(id)).body).not.toBe('');

    const answer = await erase(who(), id);

    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await stored(id)).body).toBe('');
    const after = await alice.call<Record<string, unknown>>('GET', `/v1/envelopes/${id}`);
    const { erasedAt, ...rest } = after;
    expect(rest).toEqual(before);
    expect(new Date(String(erasedAt)).getTime()).toBeGreaterThan(0);
    expect(await bob.receipts(id)).toEqual(receipts);
    const [identity] = await world.rows('select sha256 from identity where envelope_id = $1', [id]);
    expect(identity).toBeDefined();
  });

  it('again is no change', async () => {
    const id = await delivered();
    await erase(alice, id);
    const { erased_at: first } = await stored(id);

    const again = await erase(bob, id);

    expect(again.status).toBe(204);
    expect((await stored(id)).erased_at).toEqual(first);
  });

  it('is refused while a delivery has not ended, and then changes nothing', async () => {
    const id = await sent();

    const answer = await erase(alice, id);

    expect([answer.status, answer.body['code']]).toEqual([409, 'conflict']);
    expect((await stored(id)).body).not.toBe('');
    const { sets } = await bob.poll({ returnImmediately: true });
    expect(Object.keys(sets)).toHaveLength(1);
    await bob.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
  });

  it.each(['0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11', 'x'])('does not know %s', async (id) => {
    expect((await erase(alice, id)).status).toBe(404);
  });

  it('is to nobody else as if there were nothing', async () => {
    const id = await delivered();

    const strange = await erase(carol, id);
    const unknown = await erase(carol, '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11');

    expect(strange.status).toBe(404);
    expect({ ...strange.body, instance: '' }).toEqual({ ...unknown.body, instance: '' });
    expect((await stored(id)).body).not.toBe('');
  });

  it('leaves no second acceptance: the same bytes still get the same receipt', async () => {
    const jti = 'erased-and-again';
    const { id } = await alice.sends(bob, { jti, data: { said: SECRET } });
    const { sets } = await bob.poll({ returnImmediately: true });
    const [token = ''] = Object.values(sets);
    await bob.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
    await alice.reaches(id, 'acknowledged');
    await erase(alice, String(id));

    const again = await request(world.url, 'POST', '/v1/envelopes', {
      text: token,
      type: 'application/jwt',
    });

    expect([again.status, again.body['id']]).toEqual([202, id]);
    expect((await bob.poll({ returnImmediately: true })).sets).toEqual({});
    expect((await stored(String(id))).body).toBe('');
  });

  it('leaves the content in no table', async () => {
    const id = await delivered();
    await erase(bob, id);

    const [row] = await world.rows<{ text: string }>(
      'select to_jsonb(v)::text as text from envelope v where id = $1',
      [id],
    );
    expect(row?.text).not.toContain(SECRET);
    expect(row?.text).not.toContain(Buffer.from(SECRET).toString('base64url').slice(2, -2));
  });
});

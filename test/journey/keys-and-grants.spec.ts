import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { TYP } from '../../src/envelope/index.js';
import { Partner } from '../support/partner.js';
import { proofClaims, request } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.make();
});
afterAll(() => world.stop());

interface KeyBody {
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly proof?: string;
  readonly statement?: string;
}

function add(who: Partner, json: KeyBody) {
  return who.try(who.call('POST', '/v1/keys', { json }));
}

/** A new sig key of the partner, and the body that would add it. */
async function newSig(who: Partner) {
  const key = await Identity.generateKey('sig', 'ES256');
  return { key, body: await who.identity.newKey(key.privateJwk, ISSUER) };
}

async function newEnc(who: Partner) {
  const key = await Identity.generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
  return { key, body: await who.identity.newKey(key.privateJwk, ISSUER) };
}

function withKeys(who: Partner, ...keys: PrivateJwk[]): Promise<Partner> {
  return Partner.make(who.id, world.url, { keys });
}

function kidOf(who: Partner): string {
  return String(who.identity.jwks.keys[0]?.kid);
}

/** A partner with a second sig key, as it is with that one. */
async function rotated(): Promise<{ old: Partner; fresh: Partner }> {
  const old = await world.partner();
  const { key, body } = await newSig(old);
  await old.call('POST', '/v1/keys', { json: body });
  return { old, fresh: await withKeys(old, key.privateJwk) };
}

describe('a new key', () => {
  it('signs as soon as it is added, and peers see it with its statement', async () => {
    const [peer, partner] = [await world.partner(), await world.partner()];
    await peer.allow(partner);
    const { key, body } = await newSig(partner);

    const added = await add(partner, body);

    expect(added).toMatchObject({ kid: key.publicJwk.kid, status: 'active', use: 'sig' });
    expect(added['statement']).toBe(body.statement);
    const fresh = await withKeys(partner, key.privateJwk);
    expect(await fresh.sends(peer)).toMatchObject({ state: 'accepted' });
    const { keys } = await peer.call<{ keys: Record<string, unknown>[] }>(
      'GET',
      `/v1/partners/${partner.id}/jwks.json`,
    );
    const published = keys.find((one) => one['kid'] === key.publicJwk.kid);
    expect(published).toMatchObject({ ...key.publicJwk, statement: body.statement });
  });

  it('for sealing needs a statement and has no proof', async () => {
    const partner = await world.partner();
    const [first, second] = [await newEnc(partner), await newEnc(partner)];
    const { proof } = (await newSig(partner)).body;
    if (proof === undefined) throw new Error('a sig key has a proof');

    expect(await add(partner, { ...first.body, proof })).toMatchObject({ code: 'proof_invalid' });
    expect(await add(partner, second.body)).toMatchObject({ use: 'enc', status: 'active' });
  });

  it.each<[string, (who: Partner) => Promise<KeyBody>]>([
    [
      'without a proof',
      async (who) => {
        const { jwk, statement } = (await newSig(who)).body;
        return { jwk, statement };
      },
    ],
    [
      'with the proof of another key',
      async (who) => {
        const { proof } = (await newSig(who)).body;
        return { ...(await newSig(who)).body, ...(proof === undefined ? {} : { proof }) };
      },
    ],
    [
      'with the statement of another key',
      async (who) => {
        const { statement } = (await newSig(who)).body;
        return { ...(await newSig(who)).body, statement };
      },
    ],
    [
      'stated by itself',
      async (who) => {
        const { key, body } = await newSig(who);
        const self = await Identity.of(who.id, [key.privateJwk]);
        const claims = proofClaims(who.id, { kid: key.publicJwk.kid, jkt: key.jkt });
        return { ...body, statement: await self.sign(TYP.keyStatement, claims) };
      },
    ],
    [
      'stated by another partner',
      async (who) => {
        const { key, body } = await newSig(who);
        const other = await world.partner();
        const claims = proofClaims(who.id, { kid: key.publicJwk.kid, jkt: key.jkt });
        return { ...body, statement: await other.identity.sign(TYP.keyStatement, claims) };
      },
    ],
    [
      'whose statement is for another exchange',
      async (who) => {
        const { key } = await newSig(who);
        return who.identity.newKey(key.privateJwk, 'https://staging.exchange.test');
      },
    ],
    [
      'whose statement is a proof',
      async (who) => {
        const { proof, ...body } = (await newSig(who)).body;
        return { ...body, proof: String(proof), statement: String(proof) };
      },
    ],
  ])('%s is proof_invalid, and is not there', async (_, make) => {
    const partner = await world.partner();

    const answer = await add(partner, await make(partner));

    expect(answer).toMatchObject({ status: 422, code: 'proof_invalid' });
    const rows = await world.rows('select 1 from partner_key where partner_id = $1', [partner.id]);
    expect(rows).toHaveLength(2);
  });

  it('is not added by the token alone', async () => {
    const partner = await world.partner();
    const { jwk } = (await newEnc(partner)).body;

    expect(await add(partner, { jwk })).toMatchObject({ status: 400, code: 'validation_failed' });
  });

  it('cannot be stated by a key that is retired or revoked', async () => {
    for (const end of ['retire', 'revoke']) {
      const { old, fresh } = await rotated();
      const { body } = await newSig(old);

      await fresh.call('POST', `/v1/keys/${kidOf(old)}/${end}`);

      expect(await add(fresh, body)).toMatchObject({ status: 422, code: 'proof_invalid' });
    }
  });

  it('is added once by the same proof and statement', async () => {
    const partner = await world.partner();
    const { body } = await newSig(partner);

    const answers = await Promise.all([1, 2, 3].map(() => add(partner, body)));

    expect(answers.filter((one) => one['kid'] !== undefined)).toHaveLength(1);
    for (const { code } of answers.filter((one) => one['kid'] === undefined))
      expect(code).toMatch(/^(?:proof_invalid|key_rejected)$/);
  });

  it('never has the kid or the material of one that was there, not even a revoked one', async () => {
    const { old, fresh } = await rotated();
    await fresh.call('POST', `/v1/keys/${kidOf(old)}/revoke`);
    const sameKid = await Identity.generateKey('sig', 'Ed25519', { kid: kidOf(old) });
    const [material] = old.keys;
    const sameKey = { ...material, kid: 'another-name' };

    const answers = [
      await add(fresh, await fresh.identity.newKey(sameKid.privateJwk, ISSUER)),
      await add(fresh, await fresh.identity.newKey(sameKey, ISSUER)),
    ];

    for (const answer of answers)
      expect(answer).toMatchObject({ status: 422, code: 'key_rejected' });
  });

  it('is not the key of another partner', async () => {
    const [holder, partner] = [await world.partner(), await world.partner()];
    const [material] = holder.keys;
    const body = await partner.identity.newKey({ ...material, kid: 'mine' }, ISSUER);

    const answer = await add(partner, body);

    expect(answer).toMatchObject({ status: 422, code: 'key_rejected' });
    expect(JSON.stringify(answer)).not.toContain(holder.id);
  });

  it('with a private member is refused, and the private member goes nowhere', async () => {
    const partner = await world.partner();
    const { key, body } = await newSig(partner);

    const answer = await add(partner, { ...body, jwk: key.privateJwk });

    expect(answer).toMatchObject({ status: 422, code: 'key_rejected' });
    expect(JSON.stringify(answer)).not.toContain(String(key.privateJwk['d']));
  });

  it('is the 33rd active one: refused until another is retired', async () => {
    const partner = await world.partner();
    for (let n = 0; n < 30; n += 1) await add(partner, (await newEnc(partner)).body);
    const { body } = await newEnc(partner);

    const refused = await add(partner, body);

    expect(refused).toMatchObject({ status: 409, code: 'conflict' });
  });
});

describe('a retired key', () => {
  it('signs nothing new, but what it signed before is delivered', async () => {
    const peer = await world.partner();
    const { old, fresh } = await rotated();
    await peer.allow(old);
    const before = await old.sends(peer);

    const retired = await fresh.call('POST', `/v1/keys/${kidOf(old)}/retire`);
    const again = await fresh.call('POST', `/v1/keys/${kidOf(old)}/retire`);

    expect(retired).toMatchObject({ status: 'retired' });
    expect(again).toEqual(retired);
    expect(await old.sends(peer)).toMatchObject({ status: 401, code: 'key_unknown' });
    const { sets } = await peer.poll({ returnImmediately: true });
    expect(Object.keys(sets)).toHaveLength(1);
    expect(before).toMatchObject({ state: 'accepted' });
  });

  it('is never the last that signs', async () => {
    const partner = await world.partner();

    const answer = await partner.try(partner.call('POST', `/v1/keys/${kidOf(partner)}/retire`));

    expect(answer).toMatchObject({ status: 409, code: 'conflict' });
  });

  it('is still not the last that signs when two are retired at once', async () => {
    const { old, fresh } = await rotated();

    const answers = await Promise.all([
      fresh.try(fresh.call('POST', `/v1/keys/${kidOf(old)}/retire`)),
      old.try(old.call('POST', `/v1/keys/${kidOf(fresh)}/retire`)),
    ]);

    const left = await world.rows(
      `select 1 from partner_key where partner_id = $1 and use = 'sig' and status = 'active'`,
      [old.id],
    );
    expect(left).toHaveLength(1);
    expect(answers.filter(({ code }) => code === undefined)).toHaveLength(1);
  });

  it('can be revoked; a revoked one is not retired again', async () => {
    const { old, fresh } = await rotated();
    await fresh.call('POST', `/v1/keys/${kidOf(old)}/retire`);

    await fresh.call('POST', `/v1/keys/${kidOf(old)}/revoke`, { json: { reason: 'lost' } });
    const last = await fresh.call('POST', `/v1/keys/${kidOf(old)}/retire`);

    expect(last).toMatchObject({ status: 'revoked', revokedReason: 'lost' });
  });
});

describe('a revoked key', () => {
  it('rejects what it signed and what was not delivered yet', async () => {
    const peer = await world.partner();
    const { old, fresh } = await rotated();
    await peer.allow(old);
    const { id } = await old.send({ to: peer.id, type: 'a.b', data: 1 });

    await fresh.call('POST', `/v1/keys/${kidOf(old)}/revoke`);
    const { sets } = await peer.poll({ returnImmediately: true });

    expect(sets).toEqual({});
    expect(await fresh.reaches(id, 'rejected')).toMatchObject({ reason: 'key_unknown' });
    expect(await old.sends(peer)).toMatchObject({ status: 401, code: 'key_unknown' });
  });

  it('says since when and why, and that is never changed', async () => {
    const { old, fresh } = await rotated();
    const revoke = (json?: object) =>
      fresh.try(fresh.call('POST', `/v1/keys/${kidOf(old)}/revoke`, { json }));

    const future = await revoke({ since: '2099-01-01T00:00:00Z' });
    const first = await revoke({ since: '2026-01-01T00:00:00Z', reason: 'laptop stolen' });
    const second = await revoke({ reason: 'found again' });

    expect(future).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(first).toMatchObject({ status: 'revoked', revokedReason: 'laptop stolen' });
    expect(second).toEqual(first);
  });

  it.each([
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00+02:00',
    1_767_225_600,
    null,
    '',
  ])('may not say since %j', async (since) => {
    const partner = await world.partner();
    const path = `/v1/keys/${kidOf(partner)}/revoke`;

    const answer = await partner.try(partner.call('POST', path, { json: { since } }));

    expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
  });

  it('may be the last one, and leaves a partner that can do nothing', async () => {
    const partner = await world.partner();

    const answer = await partner.call('POST', `/v1/keys/${kidOf(partner)}/revoke`);

    expect(answer).toMatchObject({ status: 'revoked' });
    expect(await partner.try(partner.call('GET', '/v1/keys'))).toMatchObject({ status: 401 });
  });
});

describe('keys of others', () => {
  it('are not there: as if nobody had them', async () => {
    const [owner, other] = [await world.partner(), await world.partner()];
    const ways = ['retire', 'revoke'];

    for (const way of ways) {
      const theirs = await other.try(other.call('POST', `/v1/keys/${kidOf(owner)}/${way}`));
      const nobodys = await other.try(other.call('POST', `/v1/keys/nobodys/${way}`));
      expect(theirs).toMatchObject({ status: 404, code: 'not_found' });
      expect({ ...theirs, instance: '' }).toEqual({ ...nobodys, instance: '' });
    }
    const { items } = await other.call<{ items: { kid: string }[] }>('GET', '/v1/keys');
    expect(items.map(({ kid }) => kid)).not.toContain(kidOf(owner));
  });
});

describe('a list', () => {
  it('comes in pages to its end', async () => {
    const partner = await world.partner();
    for (let n = 0; n < 3; n += 1) await add(partner, (await newEnc(partner)).body);
    const kids: string[] = [];
    let next: string | undefined = '';

    while (next !== undefined) {
      const query: string = next === '' ? '' : `&after=${next}`;
      const page: { items: { kid: string }[]; next?: string } = await partner.call(
        'GET',
        `/v1/keys?limit=2${query}`,
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      kids.push(...page.items.map(({ kid }) => kid));
      next = page.next;
    }

    expect(kids).toHaveLength(5);
    expect(new Set(kids).size).toBe(5);
  });

  it.each([
    'limit=0',
    'limit=-1',
    'limit=101',
    'limit=1000000',
    'limit=abc',
    'limit=1.5',
    'limit=1e1',
    'limit=',
    'limit=0x10',
    'limit=%205',
    'limit=1&limit=2',
    'offset=-1',
    'sort=jwk',
    'after=%27%20or%201%3D1',
    'after[a]=b',
    'a[__proto__][b]=1',
  ])('refuses the query %s', async (query) => {
    const partner = await shared();

    for (const list of ['keys', 'grants', 'endpoints', 'partners', 'envelopes']) {
      const token = await partner.token();
      const answer = await request(world.url, 'GET', `/v1/${list}?${query}`, { token });
      expect([list, answer.status, answer.body['code']]).toEqual([list, 400, 'validation_failed']);
    }
  });
});

describe('the list of envelopes', () => {
  it.each([
    'from=2026-W01',
    'from=2026-001',
    'from=2026-02-30T00:00:00Z',
    'to=2026-01-01',
    'to=2026-01-01T00:00:00',
    'to=now',
    'from=',
    'state=lost',
    'peer=A',
    'peer=a&peer=b',
    'after=0199f3a0',
    `type=${'a'.repeat(256)}`,
  ])('refuses the query %s', async (query) => {
    const token = await (await shared()).token();

    const answer = await request(world.url, 'GET', `/v1/envelopes?${query}`, { token });

    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });
});

describe('a grant', () => {
  it('is what lets a sender send: its types, by name or prefix, and nothing else', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    const codes = async (...types: string[]) =>
      Promise.all(
        types.map(async (type) => {
          const { code, state } = await sender.sends(recipient, { type });
          return code ?? state;
        }),
      );

    expect(await codes('invoice.created')).toEqual(['not_granted']);
    await recipient.allow(sender, ['invoice.*', 'order.placed']);
    expect(
      await codes('invoice.created', 'invoice.', 'order.placed', 'order.placed.x', 'invoices'),
    ).toEqual(['accepted', 'accepted', 'accepted', 'not_granted', 'not_granted']);
    await recipient.allow(sender, ['order.*']);
    expect(await codes('invoice.created', 'order.placed.x')).toEqual(['not_granted', 'accepted']);
  });

  it('goes one way', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    await recipient.allow(sender);

    expect(await recipient.sends(sender)).toMatchObject({ status: 403, code: 'not_granted' });
  });

  it('that is missing looks like a recipient that does not exist', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    const ghost = await world.stranger();

    const real = await sender.sends(recipient);
    const unreal = await sender.sends(ghost);

    expect(real).toMatchObject({ status: 403, code: 'not_granted' });
    expect({ ...real, instance: '' }).toEqual({ ...unreal, instance: '' });
  });

  it('is read, put again without a change, listed and withdrawn by the recipient', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    const path = `/v1/grants/${sender.id}`;
    const put = (json: object) => recipient.call('PUT', path, { json });

    const made = await put({ types: ['a.*'], sealedOnly: true });
    const again = await put({ types: ['a.*'], sealedOnly: true });
    const changed = await put({ types: ['b.c'] });

    expect(made).toMatchObject({ sender: sender.id, types: ['a.*'], sealedOnly: true });
    expect(again).toEqual(made);
    expect(changed).toMatchObject({ types: ['b.c'], sealedOnly: false });
    expect(await recipient.call('GET', path)).toEqual(changed);
    expect(await recipient.call('GET', '/v1/grants')).toEqual({ items: [changed] });
    expect(await recipient.call('DELETE', path)).toBeUndefined();
    for (const method of ['GET', 'DELETE'])
      expect(await recipient.try(recipient.call(method, path))).toMatchObject({
        status: 404,
        code: 'not_found',
      });
  });

  it('that is withdrawn stops what was not delivered yet', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    await recipient.allow(sender);
    const { id } = await sender.send({ to: recipient.id, type: 'a.b', data: 1 });

    await recipient.call('DELETE', `/v1/grants/${sender.id}`);

    expect((await recipient.poll({ returnImmediately: true })).sets).toEqual({});
    expect(await sender.reaches(id, 'rejected')).toMatchObject({ reason: 'not_granted' });
    expect(await sender.sends(recipient)).toMatchObject({ code: 'not_granted' });
  });

  it('may be given before the sender exists, and to oneself', async () => {
    const recipient = await world.partner();
    const sender = await world.stranger();

    await recipient.allow(sender);
    await recipient.allow(recipient);

    const approved = await world.partner(sender.id);
    expect(await approved.sends(recipient)).toMatchObject({ state: 'accepted' });
    expect(await recipient.sends(recipient)).toMatchObject({ state: 'accepted' });
  });

  it('is not there for anybody else', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];
    const other = await world.partner();
    await recipient.allow(sender);

    for (const who of [other, sender])
      for (const method of ['GET', 'DELETE'])
        expect(
          await who.try(who.call(method, `/v1/grants/${sender.id}`)),
          `${method} by ${who.id}`,
        ).toMatchObject({ status: 404, code: 'not_found' });
    expect(await sender.sends(recipient)).toMatchObject({ state: 'accepted' });
  });

  it.each(['operator', 'echo', 'sealpost', 'sealpost-x', 'Acme', 'a_b', '%20', 'a'.repeat(64)])(
    'cannot be for the sender %s',
    async (sender) => {
      const recipient = await shared();

      const answer = await recipient.try(
        recipient.call('PUT', `/v1/grants/${sender}`, { json: { types: ['*'] } }),
      );

      expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
    },
  );

  it.each<[string, object]>([
    ['no types', {}],
    ['an empty list', { types: [] }],
    ['one type as text', { types: 'a.b' }],
    ['a type twice', { types: ['a.b', 'a.b'] }],
    ['a star inside', { types: ['a.*.b'] }],
    ['two stars', { types: ['a.**'] }],
    ['a space', { types: ['a b'] }],
    ['an empty type', { types: [''] }],
    ['a NUL', { types: ['a\u0000'] }],
    ['a long type', { types: ['a'.repeat(256)] }],
    ['a number', { types: [1] }],
    ['null', { types: [null] }],
    ['101 types', { types: Array.from({ length: 101 }, (_, n) => `t${n}`) }],
    ['sealedOnly as text', { types: ['*'], sealedOnly: 'true' }],
    ['sealedOnly as null', { types: ['*'], sealedOnly: null }],
    ['algorithms as null', { types: ['*'], algorithms: null }],
    ['no algorithm', { types: ['*'], algorithms: [] }],
    ['an algorithm twice', { types: ['*'], algorithms: ['ES256', 'ES256'] }],
    ['an algorithm that is none', { types: ['*'], algorithms: ['none'] }],
    ['an algorithm by its old name', { types: ['*'], algorithms: ['EdDSA'] }],
    ['an algorithm that seals', { types: ['*'], algorithms: ['ECDH-ES'] }],
    ['another recipient', { types: ['*'], recipient: 'other' }],
    ['a sender in the body', { types: ['*'], sender: 'other' }],
  ])('may not say %s', async (_, json) => {
    const recipient = await shared();

    const answer = await recipient.try(recipient.call('PUT', '/v1/grants/someone', { json }));

    expect(answer).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(await recipient.call('GET', '/v1/grants')).toEqual({ items: [] });
  });

  it('for sealed content only takes no content in the clear', async () => {
    const [recipient, sender] = [await world.partner(), await world.partner()];

    await recipient.allow(sender, ['*'], true);

    expect(await sender.sends(recipient)).toMatchObject({ status: 403, code: 'not_granted' });
  });
});

let one: Partner | undefined;

/** A partner for requests that change nothing. */
async function shared(): Promise<Partner> {
  one ??= await world.partner();
  return one;
}

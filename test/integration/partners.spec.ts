import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type KeyId, type PartnerId, type Thumbprint } from '../../src/envelope/index.js';
import { PartnerStanding, prunePartners, UsedTokens } from '../../src/partners/index.js';
import { type Answer, makeEncKey, makeKey, PartnersWorld } from '../support/partners-world.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
let world: PartnersWorld;

beforeAll(async () => {
  world = await PartnersWorld.make();
});
afterAll(() => world.close());

const codeOf = ({ status, body }: Answer): unknown[] => [status, body['code']];
const codes = (answers: readonly Answer[]): string[] =>
  inOrder(
    answers.map(({ status, body }) =>
      typeof body['code'] === 'string' ? body['code'] : `${status}`,
    ),
  );
const inOrder = (texts: Iterable<string>): string[] =>
  [...texts].toSorted((one, other) => (one < other ? -1 : 1));

const challengeOf = async (id: unknown): Promise<string> => {
  const row = await world.database.db
    .selectFrom('endpoint')
    .select('challenge')
    .where('id', '=', String(id))
    .executeTakeFirstOrThrow();
  return row.challenge;
};

describe('registration', () => {
  it('waits for the operator, sees its own status alone, and is approved with its keys', async () => {
    const acme = await world.actor('acme');
    const enc = await makeEncKey('acme-enc');

    const registered = await acme.register({}, [enc]);
    expect(registered).toMatchObject({
      status: 201,
      body: { id: 'acme', status: 'pending', keys: [{ kid: 'acme-1' }, { kid: 'acme-enc' }] },
    });
    const { registrationId } = registered.body;
    const own = await world.call(acme.as('pending'), 'GET', '/v1/partners/acme');
    expect(own.body).toMatchObject({ status: 'pending', registrations: [{ registrationId }] });
    expect(codeOf(await world.call(acme.as('pending'), 'GET', '/v1/partners/x'))).toEqual([
      403,
      'partner_inactive',
    ]);
    expect(codeOf(await world.call(acme.as('pending'), 'GET', '/v1/keys'))).toEqual([
      403,
      'partner_inactive',
    ]);

    const approved = await world.asOperator('POST', '/v1/partners/acme/approve', {
      registrationId,
    });
    expect(approved).toMatchObject({ status: 200, body: { id: 'acme', status: 'active' } });
    const jwks = await acme.call('GET', '/v1/partners/acme/jwks.json');
    expect(jwks.body).toMatchObject({
      keys: [{ kid: 'acme-1' }, { kid: 'acme-enc', statement: expect.any(String) }],
    });
    expect(codeOf(await (await world.actor('acme')).register())).toEqual([409, 'id_taken']);
    expect((await world.asOperator('POST', '/v1/partners/acme/approve')).status).toBe(200);
  });

  it('refuses what is not proved, and burns nothing by refusing', async () => {
    const actor = await world.actor();
    const other = await world.actor();
    const enc = await makeEncKey('enc');
    const proof = await actor.proof();

    const refused = [
      { proofs: [] },
      { proofs: [proof, proof] },
      { proofs: [await other.proof()] },
      { proofs: [await actor.proof(actor.key, { sub: 'else' })] },
      { proofs: [await actor.proof(actor.key, { jkt: other.key.jkt })] },
      { proofs: [proof, await actor.proof(other.key)] },
      { proofs: [proof], statements: [await actor.statement(actor.key)] },
      { proofs: [proof], jwks: { keys: [actor.key.jwk, enc.jwk] } },
    ];
    for (const change of refused) {
      expect((await actor.register(change)).body['code']).toMatch(
        /proof_invalid|validation_failed/,
      );
    }
    const stated = await actor.register(
      { statements: [await actor.statement(enc, {}, other.key)] },
      [enc],
    );
    expect(codeOf(stated)).toEqual([422, 'proof_invalid']);

    expect((await actor.register({ proofs: [proof] })).status).toBe(201);
    expect(codeOf(await actor.register({ proofs: [proof] }))).toEqual([422, 'proof_invalid']);
  });

  it.each([
    ['id', 'Acme'],
    ['id', 'acme.'],
    ['id', 'operator'],
    ['id', 'sealpost-x'],
    ['id', null],
    ['name', 'a\u202Eb'],
    ['name', 'a\nb'],
    ['name', '\u001b[31m'],
    ['name', ''],
    ['name', 'x'.repeat(121)],
    ['contact', ['x@y']],
    ['invite', null],
    ['invite', 'short'],
    ['jwks', []],
    ['proofs', 'x'],
    ['proofs', [1]],
    ['statements', null],
    ['role', 'admin'],
  ])('refuses a body with %s = %j', async (member, value) => {
    const actor = await world.actor();
    expect(codeOf(await actor.register({ [member]: value }))).toEqual([400, 'validation_failed']);
  });

  it('refuses bad key sets, and keys that are registered, without saying whose', async () => {
    const globex = await world.partner();
    const thief = await world.actor();
    thief.key = globex.key;

    const enc = await makeEncKey('e');
    expect(codeOf(await thief.register())).toEqual([422, 'key_rejected']);
    expect(JSON.stringify((await thief.register()).body)).not.toContain(globex.id);
    const actor = await world.actor();
    expect(codeOf(await actor.register({ jwks: { keys: [] } }))).toEqual([422, 'key_rejected']);
    expect(codeOf(await actor.register({ jwks: { keys: [enc.jwk] } }))).toEqual([
      422,
      'key_rejected',
    ]);
    actor.key = await makeKey('rs', 'RS256');
    expect(codeOf(await actor.register())).toEqual([422, 'key_rejected']);
  });

  it('bounds what waits for one id', async () => {
    const actors = await Promise.all(Array.from({ length: 14 }, () => world.actor('wanted')));
    const answers = await Promise.all(actors.map((actor) => actor.register()));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(10);
    expect(codes(answers).slice(10)).toEqual(Array(4).fill('rate_limited'));
    expect(codeOf(await world.asOperator('POST', '/v1/partners/wanted/approve'))).toEqual([
      409,
      'conflict',
    ]);
  });

  it('approves one of two at once, whole', async () => {
    const [one, two] = [await world.actor('race'), await world.actor('race')];
    const ids = [(await one.register()).body, (await two.register()).body];
    const answers = await Promise.all(
      ids.map(({ registrationId }) =>
        world.asOperator('POST', '/v1/partners/race/approve', { registrationId }),
      ),
    );
    expect(codes(answers)).toEqual(['200', 'id_taken']);
    const keys = await world.asOperator('GET', '/v1/partners/race/jwks.json');
    expect(keys.body['keys']).toHaveLength(1);
  });

  it('approves a key for one id only', async () => {
    const [one, two] = [await world.actor(), await world.actor()];
    two.key = one.key;
    await one.register();
    await two.register();
    const answers = await Promise.all(
      [one, two].map(({ id }) => world.asOperator('POST', `/v1/partners/${id}/approve`)),
    );
    expect(codes(answers)).toEqual(['200', 'conflict']);
  });
});

describe('invites', () => {
  it('hold once, for one id, for a time', async () => {
    const actor = await world.actor();
    const invite = await world.invite(actor.id);
    const [other, late] = [await world.actor(), await world.actor()];

    expect(codeOf(await other.register({ invite }))).toEqual([403, 'forbidden']);
    const twins = [actor, await world.actor(actor.id), await world.actor(actor.id)];
    const answers = await Promise.all(twins.map((twin) => twin.register({ invite })));
    expect(codes(answers)).toEqual(['201', 'forbidden', 'forbidden']);

    const forLate = await world.invite(late.id);
    const before = world.now;
    world.now = new Date(before.getTime() + 8 * 86_400_000);
    expect(codeOf(await late.register({ invite: forLate }))).toEqual([403, 'forbidden']);
    world.now = before;
    expect((await late.register({ invite: forLate })).body['status']).toBe('active');
  });

  it('re-enrol a partner that lost its keys, which are revoked and never come back', async () => {
    const partner = await world.partner();
    const old = partner.key;
    const invite = await world.invite(partner.id);

    expect(codeOf(await partner.register({ invite }))).toEqual([422, 'key_rejected']);
    partner.key = await makeKey(old.kid);
    expect(codeOf(await partner.register({ invite }))).toEqual([422, 'key_rejected']);
    partner.key = await makeKey('fresh');
    expect((await partner.register({ invite })).body).toMatchObject({ status: 'active' });

    const { body } = await partner.call('GET', '/v1/keys');
    expect(body['items']).toMatchObject([
      { kid: 'fresh', status: 'active' },
      { kid: old.kid, status: 'revoked', revokedReason: 're-enrolled' },
    ]);
  });
});

describe('keys', () => {
  it('are added by proof and statement, retired and revoked', async () => {
    const partner = await world.partner();
    const next = await makeKey('next');
    const add = async (change: object = {}) =>
      partner.call('POST', '/v1/keys', {
        jwk: next.jwk,
        proof: await partner.proof(next),
        statement: await partner.statement(next),
        ...change,
      });

    expect(codeOf(await partner.call('POST', '/v1/keys', { jwk: next.jwk }))[0]).toBe(400);
    expect(codeOf(await add({ proof: undefined }))).toEqual([422, 'proof_invalid']);
    expect(codeOf(await add({ proof: await partner.proof() }))).toEqual([422, 'proof_invalid']);
    const selfStated = { statement: await partner.statement(next, {}, next) };
    expect(codeOf(await add(selfStated))).toEqual([422, 'proof_invalid']);
    expect(codeOf(await partner.call('POST', `/v1/keys/${partner.key.kid}/retire`))).toEqual([
      409,
      'conflict',
    ]);
    expect(await add()).toMatchObject({ status: 201, body: { kid: 'next', status: 'active' } });
    expect(codeOf(await add())).toEqual([422, 'key_rejected']);

    const retire = () => partner.call('POST', `/v1/keys/${partner.key.kid}/retire`);
    expect((await retire()).body).toMatchObject({ status: 'retired' });
    expect((await retire()).status).toBe(200);
    const enc = await makeEncKey('enc');
    const byRetired = { jwk: enc.jwk, statement: await partner.statement(enc) };
    expect(codeOf(await partner.call('POST', '/v1/keys', byRetired))).toEqual([
      422,
      'proof_invalid',
    ]);
    const byNext = { jwk: enc.jwk, statement: await partner.statement(enc, {}, next) };
    expect((await partner.call('POST', '/v1/keys', byNext)).status).toBe(201);

    const standing = world.app.get(PartnerStanding);
    const id = partner.as().id;
    expect(await standing.of(id, partner.key.jkt)).toBeUndefined();
    expect(await standing.of(id, next.jkt)).toBe('active');
    expect(await standing.of(id, enc.jkt)).toBeUndefined();
    expect(await standing.candidates(id, next.kid)).toMatchObject([{ status: 'active' }]);

    const revoke = (body?: object) => partner.call('POST', '/v1/keys/next/revoke', body);
    expect(codeOf(await revoke({ since: '2031-01-01T00:00:00Z' }))[0]).toBe(400);
    expect(codeOf(await revoke({ since: 'yesterday' }))[0]).toBe(400);
    const revoked = await revoke({ reason: 'stolen', since: '2029-12-31T00:00:00Z' });
    expect(revoked.body).toMatchObject({
      status: 'revoked',
      revokedReason: 'stolen',
      revokedSince: '2029-12-31T00:00:00.000Z',
    });
    expect((await revoke()).body).toEqual(revoked.body);
    expect(await standing.of(id, next.jkt)).toBeUndefined();
    const jwks = await partner.call('GET', `/v1/partners/${partner.id}/jwks.json`);
    expect(jwks.body['keys']).toMatchObject([
      { kid: 'enc', status: 'active' },
      { kid: partner.key.kid, status: 'retired' },
      { kid: next.kid, status: 'revoked' },
    ]);
  });

  it('of others are not there', async () => {
    const [one, two] = [await world.partner(), await world.partner()];
    for (const kid of [two.key.kid, 'none', '%20', 'a'.repeat(100)]) {
      expect(codeOf(await one.call('POST', `/v1/keys/${kid}/revoke`))).toEqual([404, 'not_found']);
    }
  });

  it('may be RS256 where the operator says so', async () => {
    const partner = await world.partner();
    const rs = await makeKey('rs', 'RS256');
    const add = async () =>
      partner.call('POST', '/v1/keys', {
        jwk: rs.jwk,
        proof: await partner.proof(rs),
        statement: await partner.statement(rs),
      });
    expect(codeOf(await add())).toEqual([422, 'key_rejected']);
    await world.asOperator('POST', `/v1/partners/${partner.id}/approve`, { rs256: true });
    expect((await add()).status).toBe(201);
  });
});

describe('who sees whom', () => {
  it('shows a partner its peers by id, name and status, and nobody else', async () => {
    const [one, two, three] = [await world.partner(), await world.partner(), await world.partner()];
    expect(codeOf(await one.call('GET', `/v1/partners/${two.id}`))).toEqual([404, 'not_found']);
    await one.call('PUT', `/v1/grants/${two.id}`, { types: ['*'] });

    for (const [who, peer] of [
      [one, two],
      [two, one],
    ] as const) {
      const seen = await who.call('GET', `/v1/partners/${peer.id}`);
      expect(seen.body).toEqual({ id: peer.id, name: `Partner ${peer.id}`, status: 'active' });
      expect((await who.call('GET', `/v1/partners/${peer.id}/jwks.json`)).status).toBe(200);
      const list = await who.call('GET', '/v1/partners');
      expect(list.body['items']).toHaveLength(2);
    }
    for (const url of [`/v1/partners/${three.id}`, '/v1/partners/none', '/v1/partners/A%20']) {
      expect(codeOf(await one.call('GET', url))).toEqual([404, 'not_found']);
      expect(codeOf(await one.call('GET', `${url}/jwks.json`))).toEqual([404, 'not_found']);
    }
    expect((await one.call('GET', `/v1/partners/${one.id}`)).body).toMatchObject({
      contact: `ops@${one.id}.example`,
      keys: [{ kid: one.key.kid, jkt: one.key.jkt }],
    });
  });

  it('pages the operator through all, and what waits', async () => {
    await (await world.actor('zz-waits')).register();
    const ids: string[] = [];
    let after = '';
    do {
      const { body } = await world.asOperator('GET', `/v1/partners?limit=3${after}`);
      const items = body['items'] as { id: string }[];
      ids.push(...items.map((item) => item.id));
      after = typeof body['next'] === 'string' ? `&after=${body['next']}` : '';
    } while (after !== '');
    expect(ids).toEqual(inOrder(new Set(ids)));
    expect(ids).toContain('zz-waits');
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'limit=1&limit=2',
      'after=%27',
      'x=1',
    ]) {
      expect((await world.asOperator('GET', `/v1/partners?${query}`)).status).toBe(400);
    }
  });

  it('keeps partners from what is the operator’s, and the other way round', async () => {
    const partner = await world.partner();
    for (const url of [
      `/v1/partners/${partner.id}/suspend`,
      '/v1/partners/x/approve',
      '/v1/invites',
    ])
      expect(codeOf(await partner.call('POST', url, { id: 'x' }))).toEqual([403, 'forbidden']);
    expect(codeOf(await world.asOperator('GET', '/v1/keys'))).toEqual([403, 'forbidden']);
  });

  it('suspends and reactivates, as often as it is said', async () => {
    const partner = await world.partner();
    const say = (word: string) => world.asOperator('POST', `/v1/partners/${partner.id}/${word}`);
    const standing = world.app.get(PartnerStanding);
    for (const [word, status] of [
      ['suspend', 'suspended'],
      ['suspend', 'suspended'],
      ['reactivate', 'active'],
      ['reactivate', 'active'],
    ] as const) {
      expect((await say(word)).body).toMatchObject({ status });
      expect(await standing.of(partner.as().id, partner.key.jkt)).toBe(status);
    }
    const own = await world.call(partner.as('suspended'), 'GET', `/v1/partners/${partner.id}`);
    expect(own.body).toEqual({ id: partner.id, status: 'suspended' });
    expect(codeOf(await world.asOperator('POST', '/v1/partners/none/suspend'))[0]).toBe(404);
  });
});

describe('grants', () => {
  it('are put, listed, narrowed and withdrawn', async () => {
    const partner = await world.partner();
    const put = (body: object, sender = 'later') =>
      partner.call('PUT', `/v1/grants/${sender}`, body);

    const first = await put({ types: ['invoice.*', 'order'] });
    expect(first).toMatchObject({ status: 200, body: { sender: 'later', sealedOnly: false } });
    expect((await put({ types: ['invoice.*', 'order'] })).body).toEqual(first.body);
    expect((await put({ types: ['order'], sealedOnly: true })).body).toMatchObject({
      types: ['order'],
      sealedOnly: true,
    });
    expect((await put({ types: ['*'] }, partner.id)).status).toBe(200);
    for (const body of [
      {},
      { types: [] },
      { types: ['a*b'] },
      { types: ['a', 'a'] },
      { types: [''] },
      { types: 'a' },
      { types: ['a'], sealedOnly: 'yes' },
      { types: ['a'], sealedOnly: null },
      { types: ['a'], sender: 'x' },
    ]) {
      expect(codeOf(await put(body))).toEqual([400, 'validation_failed']);
    }
    for (const sender of ['operator', 'sealpost', 'UPPER', 'a%20b'])
      expect(codeOf(await put({ types: ['a'] }, sender))[0]).toBe(400);
    const page = await partner.call('GET', '/v1/grants?limit=1');
    expect(page.body).toMatchObject({ items: [{ sender: 'later' }], next: 'later' });
    expect((await partner.call('DELETE', '/v1/grants/later')).status).toBe(204);
    expect(codeOf(await partner.call('DELETE', '/v1/grants/later'))[0]).toBe(404);
    expect(codeOf(await partner.call('GET', '/v1/grants/later'))[0]).toBe(404);
  });
});

describe('endpoints', () => {
  const url = 'https://hooks.globex.example/in';
  it('are verified by their challenge, changed, and verified again', async () => {
    const partner = await world.partner();
    const { status, body } = await partner.call('POST', '/v1/endpoints', { url });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      url,
      types: ['*'],
      senders: [],
      format: 'jwt',
      status: 'unverified',
    });
    const one = `/v1/endpoints/${String(body['id'])}`;
    const challenge = await challengeOf(body['id']);
    expect(JSON.stringify(body)).not.toContain(challenge);

    expect(codeOf(await partner.call('POST', `${one}/enable`))).toEqual([409, 'conflict']);
    for (const wrong of ['', 'x', `${challenge}x`])
      expect(codeOf(await partner.call('POST', `${one}/verify`, { challenge: wrong }))[0]).toBe(
        400,
      );
    const verified = await partner.call('POST', `${one}/verify`, { challenge });
    expect(verified.body).toMatchObject({ status: 'active' });

    expect((await partner.call('PATCH', one, { types: ['a.*'], url })).body).toMatchObject({
      types: ['a.*'],
      status: 'active',
    });
    const moved = await partner.call('PATCH', one, { url: `${url}2` });
    expect(moved.body).toMatchObject({ status: 'unverified', url: `${url}2`, types: ['a.*'] });
    expect(codeOf(await partner.call('POST', `${one}/verify`, { challenge }))[0]).toBe(400);
    for (const patch of [{ url: null }, { types: [] }, { senders: ['UP'] }, { status: 'active' }])
      expect(codeOf(await partner.call('PATCH', one, patch))[0]).toBe(400);
    expect(codeOf(await partner.call('PATCH', one, { url: 'http://x.example/' }))[0]).toBe(422);
  });

  it('are asked for another verification once a minute', async () => {
    const partner = await world.partner();
    const { body } = await partner.call('POST', '/v1/endpoints', { url });
    const id = String(body['id']);
    const again = () => partner.call('POST', `/v1/endpoints/${id}/verify`);
    const dueAt = async () =>
      (
        await sql<{
          due: Date | null;
        }>`select challenge_due_at as due from endpoint where id = ${id}`.execute(world.database.db)
      ).rows[0]?.due;

    expect((await again()).status).toBe(200);
    await sql`update endpoint set challenge_due_at = null where id = ${id}`.execute(
      world.database.db,
    );
    expect(codeOf(await again())).toEqual([429, 'rate_limited']);
    const before = world.now;
    world.now = new Date(before.getTime() + 61_000);
    expect((await again()).status).toBe(200);
    world.now = before;
    expect(await dueAt()).not.toBeNull();
  });

  it('of others are not there, and are bounded in number', async () => {
    const [one, two] = [await world.partner(), await world.partner()];
    const made = await Promise.all(
      Array.from({ length: 22 }, () => one.call('POST', '/v1/endpoints', { url })),
    );
    expect(codes(made).slice(20)).toEqual(['conflict', 'conflict']);
    const id = String(made.find((answer) => answer.status === 201)?.body['id']);
    for (const path of [id, 'x', '1', id.toUpperCase()]) {
      expect(codeOf(await two.call('GET', `/v1/endpoints/${path}`))[0]).toBe(404);
      expect(codeOf(await two.call('PATCH', `/v1/endpoints/${path}`, { types: ['*'] }))[0]).toBe(
        404,
      );
      expect(codeOf(await two.call('DELETE', `/v1/endpoints/${path}`))[0]).toBe(404);
      expect(codeOf(await two.call('POST', `/v1/endpoints/${path}/verify`))[0]).toBe(404);
    }
    const page = await one.call('GET', '/v1/endpoints?limit=15');
    const rest = await one.call('GET', `/v1/endpoints?limit=15&after=${String(page.body['next'])}`);
    expect(rest.body['items']).toHaveLength(5);
    expect((await one.call('GET', '/v1/endpoints?after=x')).status).toBe(400);
  });

  it('leave what waits for them to the inbox', async () => {
    const partner = await world.partner();
    const { body } = await partner.call('POST', '/v1/endpoints', { url });
    const id = String(body['id']);
    await sql`insert into delivery (id, envelope_id, sender, recipient, endpoint_id, state,
      next_attempt_at, exp, bytes, created_at) values (gen_random_uuid(), ${id}, 'a', ${partner.id},
      ${id}, 'waiting', now(), now(), 1, now())`.execute(world.database.db);
    expect((await partner.call('DELETE', `/v1/endpoints/${id}`)).status).toBe(204);
    expect((await partner.call('GET', `/v1/endpoints/${id}`)).status).toBe(404);
    const rows = await world.database.db
      .selectFrom('delivery')
      .select(['state', 'endpoint_id'])
      .where('recipient', '=', partner.as().id)
      .execute();
    expect(rows).toEqual([{ state: 'available', endpoint_id: null }]);
  });
});

describe('for access and the worker', () => {
  it('finds those who wait as pending, until the id is approved for another', async () => {
    const [one, two] = [await world.actor('both'), await world.actor('both')];
    await one.register();
    const { body } = await two.register();
    const standing = world.app.get(PartnerStanding);
    const id: PartnerId = one.as().id;
    const kid: KeyId = one.key.kid;
    const jkt: Thumbprint = one.key.jkt;

    expect(await standing.candidates(id, kid)).toMatchObject([
      { status: 'pending' },
      { status: 'pending' },
    ]);
    expect(await standing.of(id, jkt)).toBe('pending');
    const own = await world.call(one.as('pending'), 'GET', '/v1/partners/both');
    expect(own.body['registrations']).toHaveLength(1);
    const { registrationId } = body;
    await world.asOperator('POST', '/v1/partners/both/approve', { registrationId });
    expect(await standing.of(id, jkt)).toBeUndefined();
    expect(await standing.candidates(id, kid)).toMatchObject([
      { status: 'active', jkt: two.key.jkt },
    ]);
  });

  it('lets one of many use a jti, and prunes what has expired', async () => {
    const used = world.app.get(UsedTokens);
    const soon = new Date(world.now.getTime() + 300_000);
    const all = await Promise.all(Array.from({ length: 8 }, () => used.use('acme', 'once', soon)));
    expect(all.filter(Boolean)).toHaveLength(1);

    await (await world.actor('forgotten')).register();
    const early = await prunePartners(world.database.db, soon);
    expect(early).toMatchObject({ registrations: 0 });
    expect(await used.use('acme', 'once', soon)).toBe(false);
    const later = new Date(world.now.getTime() + 40 * 86_400_000);
    const pruned = await prunePartners(world.database.db, later);
    expect(pruned.registrations).toBeGreaterThan(0);
    expect(pruned.usedTokens).toBeGreaterThan(0);
    expect(await used.use('acme', 'once', soon)).toBe(true);
  });
});

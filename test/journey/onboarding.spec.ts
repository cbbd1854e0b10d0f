import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { generateKey, parseToken, thumbprint, VerificationKey } from '../../src/crypto/index.js';
import { TYP } from '../../src/envelope/index.js';
import { Partner } from '../support/partner.js';
import { type Answered, proofClaims, request, unique } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

const PROFILE = { name: 'Some Service', contact: 'ops@some.example' };

let world: World;
let operator: Partner;

beforeAll(async () => {
  world = await World.make();
  operator = await world.operator();
});
afterAll(() => world.stop());

/** Keys and a whole registration that would be taken as it is. */
async function applicant(id = `x${unique()}`) {
  const sig = await Identity.generateKey('sig', 'Ed25519', { kid: 'sig-1' });
  const enc = await Identity.generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519', kid: 'enc-1' });
  const identity = await Identity.of(id, [sig.privateJwk, enc.privateJwk]);
  const body = await identity.registration(PROFILE, ISSUER);
  return { id, sig, enc, identity, body };
}
type Applicant = Awaited<ReturnType<typeof applicant>>;

function post(json: unknown): Promise<Answered> {
  return request(world.url, 'POST', '/v1/partners', { json });
}

async function waitingFor(id: string): Promise<number> {
  return (await world.rows(`select 1 from registration where partner_id = $1`, [id])).length;
}

/** Signs as the applicant, but with another key. */
async function signedBy(key: PrivateJwk, id: string, typ: string, claims: object) {
  return (await Identity.of(id, [key])).sign(typ, claims);
}

function aboutSig({ id, sig, identity }: Applicant, differing: Record<string, unknown>) {
  return identity.sign(TYP.keyProof, proofClaims(id, { kid: 'sig-1', jkt: sig.jkt }, differing));
}

function aboutEnc({ id, enc, identity }: Applicant, differing: Record<string, unknown>) {
  return identity.sign(
    TYP.keyStatement,
    proofClaims(id, { kid: 'enc-1', jkt: enc.jkt }, differing),
  );
}

const now = (): number => Math.floor(Date.now() / 1000);

/** Claims that each alone spoil a proof or a statement. */
const SPOILT: readonly [string, () => Record<string, unknown>][] = [
  ['another iss', () => ({ iss: 'other' })],
  ['another sub', () => ({ sub: 'other' })],
  ['no sub', () => ({ sub: undefined })],
  ['another aud', () => ({ aud: 'https://staging.exchange.test' })],
  ['an array as aud', () => ({ aud: [ISSUER] })],
  ['no aud', () => ({ aud: undefined })],
  ['no iat', () => ({ iat: undefined })],
  ['an iat to come', () => ({ iat: now() + 120 })],
  ['an nbf to come', () => ({ nbf: now() + 120 })],
  ['no exp', () => ({ exp: undefined })],
  ['an exp that is past', () => ({ iat: now() - 600, exp: now() - 90 })],
  ['an exp too far away', () => ({ exp: now() + 700 })],
  ['an exp as text', () => ({ exp: String(now() + 60) })],
  ['a broken exp', () => ({ exp: now() + 60.5 })],
  ['no jti', () => ({ jti: undefined })],
  ['an empty jti', () => ({ jti: '' })],
  ['a number as jti', () => ({ jti: 7 })],
  ['a jti with a control character', () => ({ jti: 'a\u0000b' })],
  ['the thumbprint of another key', () => ({ jkt: 'A'.repeat(43) })],
  ['no thumbprint', () => ({ jkt: undefined })],
  ['the kid of another key', () => ({ kid: 'sig-2' })],
  ['no kid', () => ({ kid: undefined })],
];

describe('a key proof', () => {
  it.each(SPOILT)('with %s is proof_invalid, and nothing stays', async (_, differing) => {
    const who = await applicant();

    const answer = await post({ ...who.body, proofs: [await aboutSig(who, differing())] });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
    expect(await waitingFor(who.id)).toBe(0);
  });

  it.each<[string, (who: Applicant) => Promise<string[]> | string[]]>([
    [
      'by another key under the same kid',
      async ({ id, sig }) => {
        const other = await Identity.generateKey('sig', 'Ed25519', { kid: 'sig-1' });
        const claims = proofClaims(id, { kid: 'sig-1', jkt: sig.jkt });
        return [await signedBy(other.privateJwk, id, TYP.keyProof, claims)];
      },
    ],
    [
      'of another kind',
      async ({ id, sig, identity }) => [
        await identity.sign(TYP.keyStatement, proofClaims(id, { kid: 'sig-1', jkt: sig.jkt })),
      ],
    ],
    [
      'whose header says another algorithm',
      ({ body }) => [body.proofs[0]?.replace(/^[^.]+/, header({ alg: 'ES256' })) ?? ''],
    ],
    [
      'whose header brings its own key',
      ({ body, sig }) => [body.proofs[0]?.replace(/^[^.]+/, header({ jwk: sig.publicJwk })) ?? ''],
    ],
    ['without a signature', ({ body }) => [body.proofs[0]?.replace(/[^.]+$/, '') ?? '']],
    ['with alg none', () => [`${header({ alg: 'none' })}.e30.`]],
    ['there twice', ({ body }) => [...body.proofs, ...body.proofs]],
    ['that is no token', () => ['proof']],
    ['that is an empty text', () => ['']],
    [
      'for a key that is not in the set, besides the right one',
      async ({ id, body }) => {
        const other = await Identity.generateKey('sig', 'Ed25519', { kid: 'sig-2' });
        const claims = proofClaims(id, { kid: 'sig-2', jkt: other.jkt });
        return [...body.proofs, await signedBy(other.privateJwk, id, TYP.keyProof, claims)];
      },
    ],
  ])('%s is proof_invalid, and nothing stays', async (_, proofs) => {
    const who = await applicant();

    const answer = await post({ ...who.body, proofs: await proofs(who) });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
    expect(await waitingFor(who.id)).toBe(0);
  });

  it('is asked of every sig key', async () => {
    const who = await applicant();
    const second = await Identity.generateKey('sig', 'ES256');

    const answer = await post({
      ...who.body,
      jwks: { keys: [...who.body.jwks.keys, second.publicJwk] },
    });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
  });
});

describe('a key statement', () => {
  it.each(SPOILT)('with %s is proof_invalid, and nothing stays', async (_, differing) => {
    const who = await applicant();

    const answer = await post({ ...who.body, statements: [await aboutEnc(who, differing())] });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
    expect(await waitingFor(who.id)).toBe(0);
  });

  it.each<[string, (who: Applicant) => Promise<string[]> | string[]]>([
    ['that is missing', () => []],
    ['there twice', ({ body }) => [...body.statements, ...body.statements]],
    [
      'by a key that is not proved here',
      async ({ id, enc }) => {
        const other = await Identity.generateKey('sig', 'Ed25519', { kid: 'sig-2' });
        const claims = proofClaims(id, { kid: 'enc-1', jkt: enc.jkt });
        return [await signedBy(other.privateJwk, id, TYP.keyStatement, claims)];
      },
    ],
    [
      'by another key under the kid of one proved here',
      async ({ id, enc }) => {
        const other = await Identity.generateKey('sig', 'Ed25519', { kid: 'sig-1' });
        const claims = proofClaims(id, { kid: 'enc-1', jkt: enc.jkt });
        return [await signedBy(other.privateJwk, id, TYP.keyStatement, claims)];
      },
    ],
    [
      'that is a proof',
      async ({ id, enc, identity }) => [
        await identity.sign(TYP.keyProof, proofClaims(id, { kid: 'enc-1', jkt: enc.jkt })),
      ],
    ],
  ])('%s is proof_invalid', async (_, statements) => {
    const who = await applicant();

    const answer = await post({ ...who.body, statements: await statements(who) });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
    expect(await waitingFor(who.id)).toBe(0);
  });
});

describe('the one-time jti', () => {
  it('lets the same registration wait once, however often it comes at once', async () => {
    const who = await applicant();

    const answers = await Promise.all(Array.from({ length: 5 }, () => post(who.body)));

    const codes = answers.map(({ status, body }) => body['code'] ?? status);
    expect(codes.toSorted(byText)).toEqual([201, ...Array<string>(4).fill('proof_invalid')]);
    expect(await waitingFor(who.id)).toBe(1);
  });

  it('is not used up by a registration that is refused', async () => {
    const who = await applicant();

    const refused = await post({ ...who.body, statements: [] });
    const taken = await post(who.body);

    expect([refused.status, taken.status]).toEqual([422, 201]);
  });
});

describe('the key policy', () => {
  it.each<[string, (who: Applicant) => unknown]>([
    ['a private key', ({ sig, enc }) => [sig.privateJwk, enc.publicJwk]],
    ['a private enc key', ({ sig, enc }) => [sig.publicJwk, enc.privateJwk]],
    ['a secret key', () => [{ kty: 'oct', k: 'c2VjcmV0', kid: 'a', use: 'sig', alg: 'HS256' }]],
    ['a key without kid', ({ sig }) => [{ ...sig.publicJwk, kid: undefined }]],
    ['a kid that is none', ({ sig }) => [{ ...sig.publicJwk, kid: 'a b' }]],
    ['a number as kid', ({ sig }) => [{ ...sig.publicJwk, kid: 1 }]],
    ['a key without use', ({ sig }) => [{ ...sig.publicJwk, use: undefined }]],
    ['another spelling of use', ({ sig }) => [{ ...sig.publicJwk, use: 'SIG' }]],
    ['a key without alg', ({ sig }) => [{ ...sig.publicJwk, alg: undefined }]],
    ['two algs', ({ sig }) => [{ ...sig.publicJwk, alg: ['Ed25519'] }]],
    ['an alg of another kind of key', ({ sig }) => [{ ...sig.publicJwk, alg: 'ES256' }]],
    ['a certificate', ({ sig }) => [{ ...sig.publicJwk, x5c: ['MIIB'] }]],
    ['a URL of a key', ({ sig }) => [{ ...sig.publicJwk, x5u: 'https://evil.example' }]],
    ['the same kid twice', ({ sig, enc }) => [sig.publicJwk, { ...enc.publicJwk, kid: 'sig-1' }]],
    ['the same key twice', ({ sig }) => [sig.publicJwk, { ...sig.publicJwk, kid: 'sig-2' }]],
    ['enc keys only', ({ enc }) => [enc.publicJwk]],
    ['no key', () => []],
    ['null as a key', ({ sig }) => [sig.publicJwk, null]],
    ['a list as a key', ({ sig }) => [sig.publicJwk, []]],
    ['17 keys', ({ sig }) => Array<unknown>(17).fill(sig.publicJwk)],
    ['keys that are no list', ({ sig }) => ({ 0: sig.publicJwk })],
    [
      'a point of small order',
      () => [{ kty: 'OKP', crv: 'Ed25519', x: `AQ${'A'.repeat(41)}`, ...SIG_1 }],
    ],
    [
      'the key that RFC 8037 prints with its private half',
      () => [
        { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', ...SIG_1 },
      ],
    ],
    ['RS256 without the exception', async () => [(await generateKey('sig', 'RS256')).publicJwk]],
  ])('refuses %s whole, without a word of it in the answer', async (_, keys) => {
    const who = await applicant();

    const answer = await post({ ...who.body, jwks: { keys: await keys(who) } });

    expect(answer).toMatchObject({ status: 422, body: { code: 'key_rejected' } });
    for (const value of [who.sig.privateJwk['d'], who.enc.privateJwk['d'], who.sig.publicJwk['x']])
      expect(answer.text).not.toContain(String(value));
    expect(await waitingFor(who.id)).toBe(0);
  });

  it('refuses a key that is registered to whoever holds it, without saying whose it is', async () => {
    const holder = await world.partner();
    const [own] = holder.keys;
    const twin = await Identity.of(`x${unique()}`, own === undefined ? [] : [own]);

    const answer = await post(await twin.registration(PROFILE, ISSUER));

    expect(answer).toMatchObject({ status: 422, body: { code: 'key_rejected' } });
    expect(answer.text).not.toContain(holder.id);
  });

  it('tells whoever copied a public key nothing but that the proof does not hold', async () => {
    const holder = await world.partner();
    const [copied] = holder.identity.jwks.keys;
    const who = await applicant();
    const jkt = await thumbprint({ ...copied });
    const forged = await Identity.generateKey('sig', 'Ed25519', { kid: String(copied?.kid) });
    const claims = proofClaims(who.id, { kid: String(copied?.kid), jkt });
    const proofs = [await signedBy(forged.privateJwk, who.id, TYP.keyProof, claims)];

    const answer = await post({ ...who.body, jwks: { keys: [copied] }, proofs, statements: [] });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
  });
});

describe('the body of a registration', () => {
  it.each([
    'Acme',
    'ACME',
    'acme ',
    ' acme',
    'acme.',
    'acme\n',
    'acme\u0000',
    '-acme',
    'acme-',
    'ac_me',
    'acmé',
    'acme\u0301',
    'аcme',
    'ａｃｍｅ',
    '%61cme',
    '../acme',
    'acme/approve',
    '',
    'a'.repeat(64),
    'operator',
    'echo',
    'sealpost',
    'sealpost-2',
    1,
    null,
    ['acme'],
    { id: 'acme' },
  ])('may not ask for the id %j', async (id) => {
    const who = await applicant();

    const answer = await post({ ...who.body, id });

    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });

  it.each([
    ['status', 'active'],
    ['role', 'admin'],
    ['scope', 'operator'],
    ['rs256Allowed', true],
    ['partnerId', 'acme'],
    ['registrationId', '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11'],
    ['createdAt', '2020-01-01T00:00:00Z'],
  ])('may not say %s', async (member, value) => {
    const who = await applicant();

    const answer = await post({ ...who.body, [member]: value });

    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    expect(await waitingFor(who.id)).toBe(0);
  });

  it.each([
    ['a right-to-left override', 'Acme\u202eevil'],
    ['two lines', 'Acme\nevil'],
    ['an escape sequence', 'Acme\u001b[2J'],
    ['a zero-width space', 'Acme\u200b'],
    ['a NUL', 'Acme\u0000'],
    ['a line separator', 'Acme\u2028'],
    ['spaces only', '   '],
    ['nothing', ''],
    ['too much', 'A'.repeat(300)],
  ])('may not have %s in a name or contact', async (_, text) => {
    const who = await applicant();

    const answers = [
      await post({ ...who.body, name: text }),
      await post({ ...who.body, contact: text }),
    ];

    for (const answer of answers)
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });

  it('may not ask for an id that is taken, and learns nothing of who has it', async () => {
    const holder = await world.partner();
    const who = await applicant(holder.id);

    const answer = await post(who.body);

    expect(answer).toMatchObject({ status: 409, body: { code: 'id_taken' } });
    expect(answer.text).not.toContain(`ops@${holder.id}.example`);
  });
});

describe('whoever is pending', () => {
  it('sees its own status and nothing else', async () => {
    const peer = await world.partner();
    const stranger = await world.stranger();
    await stranger.register(PROFILE);

    const own = await stranger.try(stranger.call('GET', `/v1/partners/${stranger.id}`));
    const others = await Promise.all(
      [
        ['GET', `/v1/partners/${peer.id}`],
        ['GET', '/v1/partners'],
        ['GET', `/v1/partners/${stranger.id}/jwks.json`],
        ['GET', '/v1/keys'],
        ['GET', '/v1/grants'],
        ['PUT', `/v1/grants/${peer.id}`],
        ['GET', '/v1/endpoints'],
        ['GET', '/v1/envelopes'],
        ['POST', '/v1/inbox/poll'],
      ].map(([method = '', path = '']) => stranger.try(stranger.call(method, path))),
    );

    expect(own).toMatchObject({ id: stranger.id, status: 'pending' });
    for (const answer of others)
      expect(answer).toMatchObject({ status: 403, code: 'partner_inactive' });
    await peer.allow(stranger);
    expect(await stranger.sends(peer)).toMatchObject({ status: 401, code: 'key_unknown' });
  });

  it('reserves neither id nor key', async () => {
    const first = await applicant();
    await post(first.body);
    const sameId = await applicant(first.id);
    const sameKey = await Identity.of(`x${unique()}`, [first.sig.privateJwk]);

    const answers = [
      await post(sameId.body),
      await post(await sameKey.registration(PROFILE, ISSUER)),
    ];

    expect(answers.map(({ status, body }) => [status, body['status']])).toEqual([
      [201, 'pending'],
      [201, 'pending'],
    ]);
  });

  it('sees its own registration where several wait for the id, and not the others', async () => {
    const id = `x${unique()}`;
    const [one, other] = [await world.stranger(id), await world.stranger(id)];
    await one.register({ ...PROFILE, name: 'One' });
    await other.register({ ...PROFILE, name: 'Other' });

    const seen = await one.call<{ registrations: { name: string }[] }>('GET', `/v1/partners/${id}`);

    expect(seen.registrations.map(({ name }) => name)).toEqual(['One']);
  });

  it('is at most ten for one id', async () => {
    const id = `x${unique()}`;
    for (let n = 0; n < 10; n += 1) await post((await applicant(id)).body);

    const answer = await post((await applicant(id)).body);

    expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('approval', () => {
  it('makes a partner whose keys hold at once', async () => {
    const [peer, stranger] = [await world.partner(), await world.stranger()];
    await stranger.register(PROFILE);
    await peer.allow(stranger);

    const approved = await operator.call('POST', `/v1/partners/${stranger.id}/approve`);

    expect(approved).toMatchObject({ id: stranger.id, status: 'active', rs256Allowed: false });
    expect(await stranger.sends(peer)).toMatchObject({ state: 'accepted' });
  });

  it('has to name one of several; the others are forgotten with their tokens', async () => {
    const id = `x${unique()}`;
    const [one, other] = [await world.stranger(id), await world.stranger(id)];
    await one.register({ ...PROFILE, name: 'One' });
    await other.register({ ...PROFILE, name: 'Other' });
    await one.token();
    const { registrations } = await operator.call<{
      registrations: { name: string; registrationId: string }[];
    }>('GET', `/v1/partners/${id}`);
    const registrationId = registrations.find(({ name }) => name === 'Other')?.registrationId;
    const approve = (json?: unknown) =>
      operator.try(operator.call('POST', `/v1/partners/${id}/approve`, { json }));

    const unnamed = await approve();
    const alien = await approve({ registrationId: '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11' });
    const named = await approve({ registrationId });

    expect(unnamed).toMatchObject({ status: 409, code: 'conflict' });
    expect(alien).toMatchObject({ status: 404, code: 'not_found' });
    expect(named).toMatchObject({ status: 'active', name: 'Other' });
    expect(await one.try(one.call('GET', `/v1/partners/${id}`))).toMatchObject({
      status: 401,
      code: 'unauthorized',
    });
    expect(await other.try(other.call('GET', '/v1/keys'))).toMatchObject({ status: 200 });
  });

  it('of two that brought the same key makes one a partner', async () => {
    const first = await applicant();
    const second = await Identity.of(`x${unique()}`, [first.sig.privateJwk]);
    await post(first.body);
    await post(await second.registration(PROFILE, ISSUER));
    await operator.call('POST', `/v1/partners/${first.id}/approve`);

    const answer = await operator.try(operator.call('POST', `/v1/partners/${second.id}/approve`));

    expect(answer).toMatchObject({ status: 409, code: 'conflict' });
  });

  it('is the operator’s alone', async () => {
    const [partner, stranger] = [await world.partner(), await world.stranger()];
    await stranger.register(PROFILE);
    const path = `/v1/partners/${stranger.id}/approve`;

    expect(await partner.try(partner.call('POST', path))).toMatchObject({ code: 'forbidden' });
    expect(await stranger.try(stranger.call('POST', path))).toMatchObject({ code: 'forbidden' });
    expect(await request(world.url, 'POST', path)).toMatchObject({ status: 401 });
  });
});

describe('an invite', () => {
  async function invite(id: string, expiresInSeconds?: number): Promise<string> {
    const json = { id, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) };
    return (await operator.call<{ invite: string }>('POST', '/v1/invites', { json })).invite;
  }

  it('makes a partner active at once, and is kept as a digest only', async () => {
    const stranger = await world.stranger();
    const text = await invite(stranger.id);

    const registered = await stranger.register({ ...PROFILE, invite: text });

    expect(registered.status).toBe('active');
    expect(await stranger.try(stranger.call('GET', '/v1/keys'))).toMatchObject({ status: 200 });
    expect(JSON.stringify(await world.rows('select * from invite'))).not.toContain(text);
  });

  it('holds once, however many come with it at once', async () => {
    const id = `x${unique()}`;
    const text = await invite(id);
    const comers = await Promise.all(Array.from({ length: 6 }, () => applicant(id)));

    const answers = await Promise.all(comers.map(({ body }) => post({ ...body, invite: text })));

    const statuses = answers.map(({ status }) => status).toSorted(byText);
    expect(statuses).toEqual([201, 403, 403, 403, 403, 403]);
  });

  it('holds for no other id, and nothing about a wrong one is told', async () => {
    const text = await invite(`x${unique()}`);
    const who = await applicant();

    const answers = [
      await post({ ...who.body, invite: text }),
      await post({ ...who.body, invite: 'A'.repeat(43) }),
    ];

    for (const { status, body } of answers)
      expect({ status, code: body['code'], detail: body['detail'] }).toEqual({
        status: 403,
        code: 'forbidden',
        detail: 'the invite does not hold',
      });
    expect(await waitingFor(who.id)).toBe(0);
  });

  it('is not used up by keys that are not proved', async () => {
    const who = await applicant();
    const text = await invite(who.id);

    const refused = await post({ ...who.body, invite: text, statements: [] });
    const taken = await post({ ...who.body, invite: text });

    expect([refused.body['code'], taken.status]).toEqual(['proof_invalid', 201]);
  });

  it('cannot be made for a reserved id, nor by a partner', async () => {
    const partner = await world.partner();
    const make = (who: Partner, id: string) =>
      who.try(who.call('POST', '/v1/invites', { json: { id } }));

    expect(await make(operator, 'operator')).toMatchObject({ code: 'validation_failed' });
    expect(await make(operator, 'sealpost-2')).toMatchObject({ code: 'validation_failed' });
    expect(await make(partner, 'someone')).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('re-enrols a partner that lost its keys: the old ones are revoked, the grants stay', async () => {
    const [peer, old] = [await world.partner(), await world.partner()];
    await peer.allow(old);
    await old.token();
    const again = await world.stranger(old.id);

    await again.register({ ...PROFILE, invite: await invite(old.id) });

    expect(await old.try(old.call('GET', '/v1/keys'))).toMatchObject({ code: 'unauthorized' });
    expect(await old.sends(peer)).toMatchObject({ status: 401, code: 'key_unknown' });
    expect(await again.sends(peer)).toMatchObject({ state: 'accepted' });
  });

  it('does not lift a suspension', async () => {
    const old = await world.partner();
    await operator.call('POST', `/v1/partners/${old.id}/suspend`);
    const again = await world.stranger(old.id);

    const view = await again.register({ ...PROFILE, invite: await invite(old.id) });

    expect(view.status).toBe('suspended');
  });
});

describe('the directory', () => {
  it('shows a partner itself and those with a grant either way, and nobody else', async () => {
    const [self, sender, recipient, other] = [
      await world.partner(),
      await world.partner(),
      await world.partner(),
      await world.partner(),
    ];
    await self.allow(sender);
    await recipient.allow(self);
    const look = (id: string, more = '') => self.try(self.call('GET', `/v1/partners/${id}${more}`));

    const { items } = await self.call<{ items: Record<string, unknown>[] }>('GET', '/v1/partners');

    expect(items.map((one) => one['id'])).toEqual([self.id, sender.id, recipient.id].toSorted());
    const peer = items.find((one) => one['id'] === sender.id);
    expect(peer).toEqual({ id: sender.id, name: sender.id, status: 'active' });
    const unknown = { ...(await look('nobody-at-all')), instance: undefined };
    expect({ ...(await look(other.id)), instance: undefined }).toEqual(unknown);
    expect(await look(other.id, '/jwks.json')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await look(sender.id, '/jwks.json')).toMatchObject({ status: 200 });
  });

  it('gives the keys of a peer, each enc key with a statement by one of its sig keys', async () => {
    const [self, peer] = [await world.partner(), await world.partner()];
    await self.allow(peer);

    const { keys } = await self.call<{ keys: Record<string, unknown>[] }>(
      'GET',
      `/v1/partners/${peer.id}/jwks.json`,
    );

    const [sig, enc] = ['sig', 'enc'].map((use) => keys.find((key) => key['use'] === use));
    const statement = parseToken(enc?.['statement'], { typ: TYP.keyStatement, maxBytes: 4096 });
    const jkt = await thumbprint({ ...sig });
    const [jwk] = peer.identity.jwks.keys;
    if (jwk === undefined) throw new Error('the peer has no key');
    await (await VerificationKey.import(jwk, jkt)).verify(String(enc?.['statement']), 'Ed25519');
    expect(statement.payload).toMatchObject({ iss: peer.id, kid: enc?.['kid'], aud: ISSUER });
    expect(statement.header.kid).toBe(sig?.['kid']);
    expect(keys.every((key) => key['d'] === undefined)).toBe(true);
  });
});

describe('with the clock ahead', () => {
  let later: World;
  beforeAll(async () => {
    later = await World.make({ settings: { PENDING_MAX: '2', PENDING_DAYS: '1' } });
  });
  afterAll(() => later.stop());

  it('an invite that has expired does not hold', async () => {
    const [operates, stranger] = [await later.operator(), await later.stranger()];
    const { invite } = await operates.call<{ invite: string }>('POST', '/v1/invites', {
      json: { id: stranger.id, expiresInSeconds: 60 },
    });

    later.clock.advance(60_001);
    const answer = await stranger.try(stranger.register({ ...PROFILE, invite }));

    expect(answer).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('what waits is bounded in all, and makes room when it is forgotten', async () => {
    for (let n = 0; n < 2; n += 1) await (await later.stranger()).register(PROFILE);
    const third = await later.stranger();

    const refused = await third.try(third.register(PROFILE));

    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' });
    await later.db.query(`update registration set expires_at = now() - interval '1 s'`);
    expect(await third.register(PROFILE)).toMatchObject({ status: 'pending' });
  });
});

const SIG_1 = { kid: 'sig-1', use: 'sig', alg: 'Ed25519' };

function header(differing: Record<string, unknown>): string {
  const whole = { typ: TYP.keyProof, alg: 'Ed25519', kid: 'sig-1', ...differing };
  return Buffer.from(JSON.stringify(whole)).toString('base64url');
}

function byText(one: unknown, other: unknown): number {
  return String(one).localeCompare(String(other));
}

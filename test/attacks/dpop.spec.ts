import { CompactSign, importJWK } from 'jose';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dpopProof, Identity, type PrivateJwk } from '../../src/client/index.js';
import { publicOf } from '../support/forge.js';
import type { Partner } from '../support/partner.js';
import { type Answered, request, unique } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

let world: World;
let elsewhere: string;
let alice: Partner;
let key: PrivateJwk;
let other: PrivateJwk;

beforeAll(async () => {
  world = await World.make();
  elsewhere = await world.start(['api']);
  alice = await world.partner('alice');
  key = (await Identity.generateKey('sig', 'ES256')).privateJwk;
  other = (await Identity.generateKey('sig', 'ES256')).privateJwk;
});
afterAll(() => world.stop());

const KEYS = `${ISSUER}/v1/keys`;
const TOKEN = `${ISSUER}/oauth/token`;
const now = () => Math.floor(Date.now() / 1000);
const ath = (token: string) => createHash('sha256').update(token).digest('base64url');

async function tokenFor(
  of: Partner,
  headers: Record<string, string>,
  at = world,
): Promise<Answered> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await of.identity.assertion(ISSUER),
  });
  const type = 'application/x-www-form-urlencoded';
  return request(at.url, 'POST', '/oauth/token', { text: form.toString(), type, headers });
}

async function bound(of = alice, by = key): Promise<string> {
  const answer = await tokenFor(of, { dpop: await dpopProof(by, { method: 'POST', url: TOKEN }) });
  expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
  return String(answer.body['access_token']);
}

const ask = (authorization: string, dpop?: string, url = world.url, path = '/v1/keys') =>
  request(url, 'GET', path, {
    headers: { authorization, ...(dpop === undefined ? {} : { dpop }) },
  });

/** A proof really signed, of which something is not as it should be. */
async function odd(
  token: string,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const right = { jti: unique(), htm: 'GET', htu: KEYS, iat: now(), ath: ath(token) };
  const { kid: _kid, use: _use, alg: _alg, ...jwk } = publicOf(key);
  const protectedHeader = { typ: 'dpop+jwt', alg: 'ES256', jwk, ...header };
  return new CompactSign(new TextEncoder().encode(JSON.stringify({ ...right, ...claims })))
    .setProtectedHeader(protectedHeader)
    .sign(await importJWK(key as never, 'ES256'));
}

const CHALLENGE = /^DPoP error="invalid_(?:token|dpop_proof)", algs="Ed25519 [\w ,-]+"$/;

function expectRefusal(answer: Answered): void {
  expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  expect(answer.headers.get('www-authenticate')).toMatch(CHALLENGE);
}

describe('a token bound to a key', () => {
  it('is good with a proof by that key for each request', async () => {
    const token = await bound();

    for (const path of ['/v1/keys', '/v1/keys?limit=1', '/v1/grants']) {
      const proof = await dpopProof(key, { method: 'GET', url: `${ISSUER}${path}`, token });
      const answer = await ask(`DPoP ${token}`, proof, world.url, path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('www-authenticate')).toBeNull();
    }
    expect(
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
    ).toMatchObject({
      cnf: { jkt: expect.stringMatching(/^[\w-]{43}$/) },
    });
  });

  it.each(['Ed25519', 'PS256', 'ML-DSA-44'] as const)(
    'may be bound to a key of %s',
    async (alg) => {
      const { privateJwk } = await Identity.generateKey('sig', alg);
      const token = await bound(alice, privateJwk);
      const proof = await dpopProof(privateJwk, { method: 'GET', url: KEYS, token });

      expect((await ask(`DPoP ${token}`, proof)).status).toBe(200);
    },
  );

  it('is good once for each proof, whichever process gets it and how many at once', async () => {
    const token = await bound();
    const proof = await dpopProof(key, { method: 'GET', url: KEYS, token });

    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        ask(`DPoP ${token}`, proof, i % 2 === 0 ? world.url : elsewhere),
      ),
    );

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectRefusal(answer);
  });

  it('is refused without a proof, by Bearer, and by the proof of another key', async () => {
    const token = await bound();
    const proof = () => dpopProof(key, { method: 'GET', url: KEYS, token });
    const others = await dpopProof(other, { method: 'GET', url: KEYS, token });

    expectRefusal(await ask(`DPoP ${token}`));
    expectRefusal(await ask(`Bearer ${token}`));
    expectRefusal(await ask(`Bearer ${token}`, await proof()));
    expectRefusal(await ask(`DPoP ${token}`, others));
    expectRefusal(await ask(`DPoP ${token}`, `${await proof()}, ${await proof()}`));
  });

  it('does not make one that is not bound good by DPoP', async () => {
    const token = await alice.token();
    const proof = await dpopProof(key, { method: 'GET', url: KEYS, token });

    expectRefusal(await ask(`DPoP ${token}`, proof));
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another method', { htm: 'POST' }],
    ['for the method in small letters', { htm: 'get' }],
    ['without a method', { htm: undefined }],
    ['for another path', { htu: `${ISSUER}/v1/grants` }],
    ['for another host', { htu: 'https://evil.example/v1/keys' }],
    ['for the address instead of the name', { htu: 'http://127.0.0.1/v1/keys' }],
    ['with a user in the URL', { htu: 'https://a@exchange.test/v1/keys' }],
    ['without a URL', { htu: undefined }],
    ['with a URL that is none', { htu: '/v1/keys' }],
    ['that is old', { iat: now() - 120 }],
    ['from the future', { iat: now() + 120 }],
    ['without a time', { iat: undefined }],
    ['with a time as text', { iat: String(now()) }],
    ['without a jti', { jti: undefined }],
    ['with an empty jti', { jti: '' }],
    ['with a jti of lines', { jti: 'a\nb' }],
    ['with a long jti', { jti: 'a'.repeat(256) }],
    ['for another token', { ath: 'A'.repeat(43) }],
    ['for no token', { ath: undefined }],
  ])('is refused with a proof %s', async (_, claims) => {
    const token = await bound();

    expectRefusal(await ask(`DPoP ${token}`, await odd(token, claims)));
    expect((await ask(`DPoP ${token}`, await odd(token))).status).toBe(200);
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['is of another kind', () => ({ typ: 'JWT' })],
    ['is of its kind in capitals', () => ({ typ: 'DPOP+JWT' })],
    ['names a kid', () => ({ kid: 'a' })],
    ['has no key', () => ({ jwk: undefined })],
    ['shows its private key', () => ({ jwk: { ...key } })],
    ['has another’s key', () => ({ jwk: publicOf(other) })],
    ['has a key that is no object', () => ({ jwk: 'key' })],
    ['has a secret key', () => ({ jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
    ['has a key with a certificate', () => ({ jwk: { ...publicOf(key), x5c: ['MIIB'] } })],
    ['points to a key', () => ({ jku: 'https://evil.example/keys' })],
  ])('is refused with a proof whose header %s', async (_, header) => {
    const token = await bound();

    expectRefusal(await ask(`DPoP ${token}`, await odd(token, {}, header())));
  });

  it('is refused with a proof that was changed, not signed, or is no proof', async () => {
    const token = await bound();
    const [header, payload, signature = ''] = (await odd(token)).split('.');
    const none = Buffer.from(JSON.stringify({ typ: 'dpop+jwt', alg: 'none', jwk: publicOf(key) }));

    for (const proof of [
      `${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`,
      `${header}.${payload}.`,
      `${none.toString('base64url')}.${payload}.`,
      'proof',
      'a'.repeat(9_000),
      await alice.identity.assertion(ISSUER),
    ])
      expectRefusal(await ask(`DPoP ${token}`, proof));
  });

  it('ends with the key that authenticated for it, as any token', async () => {
    const partner = await world.partner();
    const token = await bound(partner);
    const kid = String(partner.keys[0]?.['kid']);
    await partner.call('POST', `/v1/keys/${kid}/revoke`, { json: {} });

    const proof = await dpopProof(key, { method: 'GET', url: KEYS, token });

    expect((await ask(`DPoP ${token}`, proof)).status).toBe(401);
  });
});

describe('the token endpoint', () => {
  it.each<[string, () => Promise<string>]>([
    ['for another URL', () => dpopProof(key, { method: 'POST', url: KEYS })],
    ['for another method', () => dpopProof(key, { method: 'GET', url: TOKEN })],
    ['that is none', () => Promise.resolve('proof')],
  ])('refuses a proof %s', async (_, make) => {
    const answer = await tokenFor(alice, { dpop: await make() });

    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
  });

  it('takes a proof once', async () => {
    const dpop = await dpopProof(key, { method: 'POST', url: TOKEN });

    const answers = [await tokenFor(alice, { dpop }), await tokenFor(alice, { dpop })];

    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });

  it('names in its metadata what a proof may be signed with', async () => {
    const { body } = await request(world.url, 'GET', '/.well-known/oauth-authorization-server');

    expect(body['dpop_signing_alg_values_supported']).toContain('ES256');
    expect(body['dpop_signing_alg_values_supported']).not.toContain('RS256');
  });

  it('gives a partner of whom the operator demands it bound tokens only', async () => {
    const partner = await world.partner();
    const operator = await world.operator();
    const path = `/v1/partners/${partner.id}/approve`;
    const view = await operator.call<object>('POST', path, { json: { requireDpop: true } });

    const without = await tokenFor(partner, {});

    expect(view).toMatchObject({ dpopRequired: true });
    expect(without).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
    await bound(partner);
    await operator.call('POST', path, { json: { requireDpop: false } });
    expect((await tokenFor(partner, {})).status).toBe(200);
  });
});

describe('an exchange that demands it of all', () => {
  it('lets nobody in without, the operator included', async () => {
    const strict = await World.make({ settings: { DPOP_REQUIRED: 'true' } });
    try {
      const operator = await strict.operator();
      expect(await tokenFor(operator, {}, strict)).toMatchObject({
        status: 400,
        body: { error: 'invalid_dpop_proof' },
      });

      const dpop = await dpopProof(key, { method: 'POST', url: TOKEN });
      const token = String((await tokenFor(operator, { dpop }, strict)).body['access_token']);
      const url = `${ISSUER}/v1/partners`;
      const proof = await dpopProof(key, { method: 'GET', url, token });
      expect((await ask(`DPoP ${token}`, proof, strict.url, '/v1/partners')).status).toBe(200);
      expectRefusal(await ask(`Bearer ${token}`, undefined, strict.url, '/v1/partners'));
    } finally {
      await strict.stop();
    }
  });
});

import { ModulesContainer } from '@nestjs/core';
import { importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity } from '../../src/client/index.js';
import { parseToken } from '../../src/crypto/index.js';
import { TYP } from '../../src/envelope/index.js';
import { ACCESS, openApiDocument } from '../../src/platform/index.js';
import { Partner } from '../support/partner.js';
import { type Answered, raw, request, unique } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let world: World;
let operator: Partner;
let alice: Partner;

beforeAll(async () => {
  world = await World.make();
  operator = await world.operator();
  alice = await world.partner('alice');
});
afterAll(() => world.stop());

function ask(form: Record<string, string> | string, type?: string): Promise<Answered> {
  return request(world.url, 'POST', '/oauth/token', {
    text: new URLSearchParams(form).toString(),
    type: type ?? 'application/x-www-form-urlencoded',
  });
}

function askWith(client_assertion: string, more: Record<string, string> = {}): Promise<Answered> {
  const grant = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE };
  return ask({ ...grant, client_assertion, ...more });
}

function assertionClaims(id: string, differing: Record<string, unknown> = {}) {
  const iat = Math.floor(world.clock.now().getTime() / 1000);
  return { iss: id, sub: id, aud: ISSUER, jti: unique(), iat, exp: iat + 60, ...differing };
}

function assert(who: Partner, differing: Record<string, unknown> = {}, typ?: string) {
  return who.identity.sign(typ ?? TYP.clientAuthentication, assertionClaims(who.id, differing));
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

describe('POST /oauth/token', () => {
  it('gives a partner a token for ten minutes, and nobody keeps the answer', async () => {
    const answer = await askWith(await assert(alice));

    expect(answer).toMatchObject({
      status: 200,
      body: { token_type: 'Bearer', expires_in: 600, scope: 'partner' },
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { header, payload } = parseToken(answer.body['access_token'], {
      typ: TYP.accessToken,
      maxBytes: 8192,
    });
    expect(header.typ).toBe('at+jwt');
    expect(payload).toMatchObject({
      iss: ISSUER,
      aud: ISSUER,
      sub: 'alice',
      client_id: 'alice',
      scope: 'partner',
    });
    expect(Number(payload['exp']) - Number(payload['iat'])).toBe(600);
  });

  it('gives the operator the scope operator', async () => {
    const answer = await askWith(await assert(operator), { client_id: 'operator' });

    expect(answer).toMatchObject({ status: 200, body: { scope: 'operator' } });
  });

  it.each(['JWT', TYP.clientAuthentication])('takes the typ %s', async (typ) => {
    expect(await askWith(await assert(alice, {}, typ))).toMatchObject({ status: 200 });
  });

  it('takes an assertion without a typ', async () => {
    const [jwk] = alice.keys;
    const { kid, alg } = jwk as { kid: string; alg: string };
    const assertion = await new SignJWT(assertionClaims('alice'))
      .setProtectedHeader({ alg, kid })
      .sign(await importJWK({ ...jwk, kty: 'OKP' }, alg));

    expect(await askWith(assertion)).toMatchObject({ status: 200 });
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['an array of the issuer alone as aud', () => ({ aud: [ISSUER] })],
    ['no iat', () => ({ iat: undefined })],
    ['an exp ten minutes away', () => ({ exp: inSeconds(600) })],
    ['claims it does not know', () => ({ cnf: { jkt: 'x' } })],
  ])('takes %s', async (_, differing) => {
    expect(await askWith(await assert(alice, differing()))).toMatchObject({ status: 200 });
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['another iss', () => ({ iss: 'bob' })],
    ['no iss', () => ({ iss: undefined })],
    ['a sub that nobody is', () => ({ sub: 'nobody', iss: 'nobody' })],
    ['the operator as sub', () => ({ sub: 'operator', iss: 'operator' })],
    ['another sub than iss', () => ({ sub: 'operator' })],
    ['the token endpoint as aud', () => ({ aud: `${ISSUER}/oauth/token` })],
    ['a slash after aud', () => ({ aud: `${ISSUER}/` })],
    ['a second aud', () => ({ aud: [ISSUER, 'https://other.example'] })],
    ['the same aud twice', () => ({ aud: [ISSUER, ISSUER] })],
    ['no aud', () => ({ aud: undefined })],
    ['an empty list as aud', () => ({ aud: [] })],
    ['an exp that is past', () => ({ iat: inSeconds(-300), exp: inSeconds(-90) })],
    ['an exp too far away', () => ({ exp: inSeconds(3600) })],
    ['no exp', () => ({ exp: undefined })],
    ['an exp as text', () => ({ exp: String(inSeconds(60)) })],
    ['an iat to come', () => ({ iat: inSeconds(120) })],
    ['an nbf to come', () => ({ nbf: inSeconds(120) })],
    ['no jti', () => ({ jti: undefined })],
    ['an object as jti', () => ({ jti: {} })],
  ])('answers invalid_client to %s, and nothing else', async (_, differing) => {
    const answer = await askWith(await assert(alice, differing()));

    expect(answer.status).toBe(401);
    expect(answer.body).toEqual(INVALID_CLIENT);
  });

  it.each<[string, () => Promise<string> | string]>([
    ['another key under the kid', async () => (await imposter('alice')).assertion(ISSUER)],
    ['an unknown kid', async () => (await stranger('alice')).assertion(ISSUER)],
    ['an unknown client', async () => (await stranger('nobody')).assertion(ISSUER)],
    ['another kind of token', () => assert(alice, {}, TYP.keyProof)],
    ['an envelope', () => alice.sign({ to: 'alice', type: 'a.b', data: 1 })],
    ['no token at all', () => 'assertion'],
    ['an access token', () => alice.token()],
    ['a token of 20 KB', () => assert(alice, { more: 'x'.repeat(20_000) })],
  ])('answers invalid_client to %s', async (_, make) => {
    const answer = await askWith(await make());

    expect(answer.status).toBe(401);
    expect(answer.body).toEqual(INVALID_CLIENT);
  });

  it('takes an assertion once, however often it comes at once', async () => {
    const assertion = await assert(alice);

    const answers = await Promise.all(Array.from({ length: 5 }, () => askWith(assertion)));

    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, 401, 401, 401, 401]);
  });

  it('takes the client_id of the assertion and no other', async () => {
    const right = await askWith(await assert(alice), { client_id: 'alice' });
    const wrong = await askWith(await assert(alice), { client_id: 'operator' });

    expect([right.status, wrong.status]).toEqual([200, 401]);
  });

  it.each(['operator', 'partner operator', 'openid'])('refuses the scope %s', async (scope) => {
    const answer = await askWith(await assert(alice), { scope });

    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('refuses forms that are none, in the words of RFC 6749', async () => {
    const assertion = await assert(alice);
    const form = `client_assertion=${assertion}&client_assertion_type=${ASSERTION_TYPE}`;

    const errors = [
      await ask({}),
      await ask(form),
      await ask(`grant_type=password&${form}`),
      await ask(`grant_type=client_credentials&grant_type=client_credentials&${form}`),
      await ask('grant_type=client_credentials'),
      await ask(`grant_type=client_credentials&${form}`, 'application/json'),
    ].map(({ body }) => body['error'] ?? body['code']);

    expect(errors).toEqual([
      'invalid_request',
      'invalid_request',
      'unsupported_grant_type',
      'invalid_request',
      'invalid_client',
      'validation_failed',
    ]);
    expect(await askWith(assertion)).toMatchObject({ status: 200 });
  });

  it('gives none for a retired or revoked key', async () => {
    const partner = await world.partner();
    const second = await Identity.generateKey('sig', 'ES256');
    const json = await partner.identity.newKey(second.privateJwk, ISSUER);
    await partner.call('POST', '/v1/keys', { json });
    const other = await Partner.make(partner.id, world.url, { keys: [second.privateJwk] });

    await other.call('POST', `/v1/keys/${kidOf(partner)}/retire`);

    expect(await askWith(await assert(partner))).toMatchObject({ status: 401 });
    expect(await askWith(await assert(other))).toMatchObject({ status: 200 });
    await other.call('POST', `/v1/keys/${kidOf(other)}/revoke`);
    expect(await askWith(await assert(other))).toMatchObject({ status: 401 });
  });
});

describe('the metadata of RFC 8414', () => {
  it('names what the token endpoint takes', async () => {
    const { status, body, headers } = await request(
      world.url,
      'GET',
      '/.well-known/oauth-authorization-server',
    );

    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(body).toMatchObject({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/oauth/token`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      response_types_supported: [],
    });
    expect(body['token_endpoint_auth_signing_alg_values_supported']).toContain('Ed25519');
    expect(body['token_endpoint_auth_signing_alg_values_supported']).not.toContain('RS256');
  });
});

describe('the guard', () => {
  const keys = (headers: Record<string, string>, query = '') =>
    request(world.url, 'GET', `/v1/keys${query}`, { headers });

  it('lets a good token in', async () => {
    expect(await keys({ authorization: `Bearer ${await alice.token()}` })).toMatchObject({
      status: 200,
    });
  });

  it.each<[string, (token: string) => Record<string, string>]>([
    ['no header', () => ({})],
    ['a lower-case scheme', (token) => ({ authorization: `bearer ${token}` })],
    ['another scheme', (token) => ({ authorization: `Basic ${token}` })],
    ['two spaces', (token) => ({ authorization: `Bearer  ${token}` })],
    ['the token alone', (token) => ({ authorization: token })],
    ['a token and another', (token) => ({ authorization: `Bearer ${token}, Bearer ${token}` })],
    ['a token with a tail', (token) => ({ authorization: `Bearer ${token}A` })],
    ['a cookie', (token) => ({ cookie: `access_token=${token}` })],
    ['a proxy’s header', (token) => ({ 'proxy-authorization': `Bearer ${token}` })],
    ['a long header', () => ({ authorization: `Bearer ${'A'.repeat(10_000)}` })],
    ['no token', () => ({ authorization: 'Bearer ' })],
    ['a token without signature', (token) => ({ authorization: `Bearer ${cut(token)}` })],
  ])('refuses %s', async (_, headers) => {
    const answer = await keys(headers(await alice.token()));

    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('takes no token from the query', async () => {
    const token = await alice.token();

    for (const name of ['access_token', 'token', 'authorization'])
      expect(await keys({}, `?${name}=${token}`)).toMatchObject({ status: 401 });
  });

  it('refuses two Authorization headers, though each is good', async () => {
    const line = `Authorization: Bearer ${await alice.token()}\r\n`;

    const answer = await raw(
      world.url,
      `GET /v1/keys HTTP/1.1\r\nHost: x\r\n${line}${line}Connection: close\r\n\r\n`,
    );

    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  it.each<[string, () => Promise<string>]>([
    ['an envelope', () => alice.sign({ to: 'alice', type: 'a.b', data: 1 })],
    ['an assertion', () => assert(alice)],
    ['a token that the partner signed itself', () => assert(alice, TOKEN_CLAIMS, TYP.accessToken)],
    [
      'an envelope with the claims of a token',
      () => alice.identity.sign(TYP.envelope, { ...assertionClaims('alice'), ...TOKEN_CLAIMS }),
    ],
    ['a receipt of the exchange', async () => (await aReceipt()).receipt],
  ])('takes no %s as a token', async (_, make) => {
    const answer = await keys({ authorization: `Bearer ${await make()}` });

    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  it('takes no access token as an envelope', async () => {
    const answer = await request(world.url, 'POST', '/v1/envelopes', {
      text: await alice.token(),
      type: 'application/jwt',
    });

    expect(answer).toMatchObject({ status: 400, body: { code: 'header_not_allowed' } });
  });

  it('no longer knows a token whose key is revoked, or retired', async () => {
    for (const end of ['revoke', 'retire']) {
      const partner = await world.partner();
      const second = await Identity.generateKey('sig', 'ES256');
      const json = await partner.identity.newKey(second.privateJwk, ISSUER);
      await partner.call('POST', '/v1/keys', { json });

      await partner.call('POST', `/v1/keys/${kidOf(partner)}/${end}`);

      expect(await partner.try(partner.call('GET', '/v1/keys'))).toMatchObject({
        status: 401,
        code: 'unauthorized',
      });
    }
  });

  it('shows a suspended partner its status alone, until it is reactivated', async () => {
    const partner = await world.partner();
    await partner.token();

    await operator.call('POST', `/v1/partners/${partner.id}/suspend`);

    expect(await partner.try(partner.call('GET', '/v1/keys'))).toMatchObject({
      code: 'partner_inactive',
    });
    expect(await partner.call('GET', `/v1/partners/${partner.id}`)).toEqual({
      id: partner.id,
      status: 'suspended',
    });
    await operator.call('POST', `/v1/partners/${partner.id}/reactivate`);
    expect(await partner.try(partner.call('GET', '/v1/keys'))).toMatchObject({ status: 200 });
  });

  it.each([
    '/%76%31/keys',
    '//v1/keys',
    '/v1/keys/',
    '/V1/keys',
    '/v1/keys;x',
    '/v1/x/..%2fkeys',
    '/v1/./keys',
  ])('is not passed by at %s', async (path) => {
    const answer = await raw(
      world.url,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );

    expect([401, 404]).toContain(answer.status);
    expect(answer.body['code']).toMatch(/^(?:unauthorized|not_found)$/);
  });

  it('is not passed by with a header that names another path, method or address', async () => {
    const answer = await request(world.url, 'POST', '/health/live', {
      headers: {
        'x-http-method-override': 'GET',
        'x-original-url': '/v1/keys',
        'x-forwarded-for': '127.0.0.1',
      },
    });

    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
  });
});

describe('the clock', () => {
  it('ends a token after its ten minutes, and an assertion after its own time', async () => {
    const later = await World.make();
    try {
      const partner = await later.partner('late');
      const token = await partner.token();
      const keys = () => request(later.url, 'GET', '/v1/keys', { token });

      later.clock.advance(590_000);
      const before = await keys();
      later.clock.advance(11_000);
      const after = await keys();

      expect([before.status, after.status]).toEqual([200, 401]);
    } finally {
      await later.stop();
    }
  });
});

describe('every route', () => {
  const OPEN = [
    'GET /.well-known/sealpost',
    'GET /.well-known/jwks.json',
    'GET /.well-known/oauth-authorization-server',
    'POST /oauth/token',
    'POST /v1/partners',
    'GET /health/live',
    'GET /health/ready',
    'GET /metrics',
  ];

  function routes(): { method: string; path: string; route: string }[] {
    return Object.entries(openApiDocument(world.app).paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => /^(?:get|put|post|patch|delete)$/.test(method))
        .map((method) => ({
          method: method.toUpperCase(),
          path: path.replaceAll(/\{[^}]+\}/g, 'abc'),
          route: `${method.toUpperCase()} ${path}`,
        })),
    );
  }

  it('is closed without a token, but for those that are open by intent', async () => {
    const closed: string[] = [];
    for (const { method, path, route } of routes()) {
      const { status, body } = await request(world.url, method, path);
      if (status === 401 && body['code'] === 'unauthorized') closed.push(route);
    }

    const open = routes()
      .map(({ route }) => route)
      .filter((route) => !closed.includes(route));
    expect(closed.length).toBeGreaterThan(20);
    expect(open.filter((route) => !OPEN.includes(route))).toEqual([]);
  });

  it('says by decorator who may call it, also where no document shows it', () => {
    const handlers = [...world.app.get(ModulesContainer).values()].flatMap((module) =>
      [...module.controllers.values()].flatMap(({ metatype }) => handlersOf(metatype)),
    );

    expect(handlers.length).toBeGreaterThan(routes().length);
    expect(handlers.filter(({ access }) => access === undefined)).toEqual([]);
  });

  it('is closed to a token of the other scope where it says so', async () => {
    const [token, operatorToken] = [await alice.token(), await operator.token()];
    const scopes: Record<string, string> = {};
    for (const { method, path, route } of routes()) {
      if (OPEN.includes(route)) continue;
      const [asPartner, asOperator] = await Promise.all(
        [token, operatorToken].map((one) => request(world.url, method, path, { token: one })),
      );
      const forbidden = (answer?: Answered) => answer?.body['code'] === 'forbidden';
      scopes[route] = `${forbidden(asPartner) ? '' : 'p'}${forbidden(asOperator) ? '' : 'o'}`;
    }

    const ofOperator = Object.keys(scopes).filter((route) => scopes[route] === 'o');
    const ofBoth = Object.keys(scopes).filter((route) => scopes[route] === 'po');
    expect(ofOperator.toSorted()).toEqual([
      'GET /v1/audit/verify',
      'GET /v1/partners/{id}/pending-keys',
      'POST /v1/invites',
      'POST /v1/partners/{id}/approve',
      'POST /v1/partners/{id}/pending-keys/{kid}/approve',
      'POST /v1/partners/{id}/reactivate',
      'POST /v1/partners/{id}/suspend',
    ]);
    for (const route of ofBoth) expect(SHARED).toContain(route);
    expect(Object.values(scopes)).not.toContain('');
  });
});

/** What partner and operator both may call. */
const SHARED = [
  'GET /v1/audit',
  'GET /v1/partners',
  'GET /v1/partners/{id}',
  'GET /v1/partners/{id}/jwks.json',
  'GET /v1/deliveries',
  'POST /v1/deliveries/{id}/retry',
  'POST /v1/endpoints/{id}/replay',
];

const INVALID_CLIENT = {
  error: 'invalid_client',
  error_description: 'The client assertion does not hold',
};

const TOKEN_CLAIMS = {
  iss: ISSUER,
  sub: 'alice',
  client_id: 'alice',
  scope: 'partner',
  sealpost_jkt: 'A'.repeat(43),
};

/** The methods of a controller that are routes, each with what its decorators say of access. */
function handlersOf(controller: unknown): { name: string; access: unknown }[] {
  if (typeof controller !== 'function') return [];
  const own = Object.getOwnPropertyDescriptors(controller.prototype as object);
  return Object.entries(own).flatMap(([name, { value }]) => {
    if (name === 'constructor' || typeof value !== 'function') return [];
    if (!Reflect.hasMetadata('path', value)) return [];
    const access: unknown =
      Reflect.getMetadata(ACCESS, value) ?? Reflect.getMetadata(ACCESS, controller);
    return [{ name: `${controller.name}.${name}`, access }];
  });
}

function kidOf(partner: Partner): string {
  return String(partner.identity.jwks.keys[0]?.kid);
}

function cut(token: string): string {
  return token.replace(/[^.]+$/, '');
}

/** Signs as `id` under the right kid, with another key. */
async function imposter(id: string): Promise<Identity> {
  const key = await Identity.generateKey('sig', 'Ed25519', { kid: kidOf(alice) });
  return Identity.of(id, [key.privateJwk]);
}

async function stranger(id: string): Promise<Identity> {
  return Identity.of(id, [(await Identity.generateKey('sig', 'Ed25519')).privateJwk]);
}

async function aReceipt(): Promise<{ receipt: string }> {
  const bob = await world.partner();
  await bob.allow(alice);
  return alice.send({ to: bob.id, type: 'a.b', data: 1 });
}

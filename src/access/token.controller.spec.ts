import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AccessWorld, AT, ISSUER, readBody } from '../../test/support/access-world.js';
import { TYP } from '../envelope/index.js';

let world: AccessWorld;
let app: NestFastifyApplication;

beforeAll(async () => {
  ({ world, app } = await AccessWorld.make());
});

afterAll(() => app.close());

beforeEach(() => {
  world.standing = 'active';
  world.ledgerIsDown = false;
});

let serial = 0;
const assertionClaims = (over: object = {}): object => {
  serial += 1;
  return { iss: 'acme', sub: 'acme', aud: ISSUER, exp: AT + 300, jti: `a-${serial}`, ...over };
};
const FORM = {
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
};

async function post(body: string | Record<string, string>, type?: string) {
  const answer = await app.inject({
    method: 'POST',
    url: '/oauth/token',
    headers: { 'content-type': type ?? 'application/x-www-form-urlencoded' },
    payload: typeof body === 'string' ? body : String(new URLSearchParams(body)),
  });
  return { status: answer.statusCode, headers: answer.headers, ...readBody(answer.body) };
}

async function ask(
  over: object = {},
  more: Record<string, string> = {},
  by = world.acme,
  typ = 'JWT',
) {
  return post({ ...FORM, client_assertion: await by.sign(typ, assertionClaims(over)), ...more });
}

describe('POST /oauth/token', () => {
  it.each([undefined, 'JWT', TYP.clientAuthentication])('takes the typ %s', async (typ) => {
    const answer = await ask({}, { unknown: 'ignored', scope: '' }, world.acme, typ);

    expect(answer).toMatchObject({
      status: 200,
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'partner',
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    const token = `Bearer ${String(Reflect.get(answer, 'access_token'))}`;
    const { body } = await app.inject({ url: '/partner', headers: { authorization: token } });
    expect(readBody(body)).toMatchObject({ id: 'acme', jkt: world.acme.jkt });
  });

  it('takes the issuer in an array of one, and client_id and scope that fit', async () => {
    const fits = { client_id: 'acme', scope: 'partner' };
    expect(await ask({ aud: [ISSUER] }, fits)).toMatchObject({ status: 200 });
  });

  it('gives the operator the scope operator', async () => {
    const own = { iss: 'operator', sub: 'operator' };
    expect(await ask(own, {}, world.operator)).toMatchObject({ status: 200, scope: 'operator' });
  });

  it('lets a pending partner have a token', async () => {
    world.standing = 'pending';
    expect(await ask()).toMatchObject({ status: 200 });
  });

  it('says that the exchange is unavailable when the ledger is, and not that the client is wrong', async () => {
    world.ledgerIsDown = true;
    expect(await ask()).toMatchObject({ status: 503, code: 'unavailable' });
  });

  it('answers whatever is wrong with the client in one way', async () => {
    const jti = 'used-once';
    expect(await ask({ jti })).toMatchObject({ status: 200 });

    const answers = [
      await ask({ jti }),
      await ask({ iss: 'globex', sub: 'globex' }),
      await ask({ iss: 'globex' }),
      await ask({}, {}, world.stranger),
      await ask({ aud: [ISSUER, 'https://other.example'] }),
      await ask({ aud: `${ISSUER}/oauth/token` }),
      await ask({ exp: AT - 60 }),
      await ask({ exp: AT + 700 }),
      await ask({ exp: undefined }),
      await ask({ jti: undefined }),
      await ask({ sub: 1 }),
      await ask({}, {}, world.acme, TYP.keyProof),
      await ask({}, { client_id: 'globex' }),
      await ask({ iss: 'operator', sub: 'operator' }),
      await post({ ...FORM, client_assertion: 'x'.repeat(40_000) }),
      await post({ ...FORM, client_assertion: 'a.b.c' }),
      await post(FORM),
      await post({ grant_type: 'client_credentials', client_id: 'acme', client_secret: 's' }),
    ];

    for (const { headers: _, ...answer } of answers)
      expect(answer).toEqual({
        status: 401,
        error: 'invalid_client',
        error_description: 'The client assertion does not hold',
      });
  });

  it('refuses forms that are none, in the words of RFC 6749', async () => {
    const twice = `${String(new URLSearchParams(FORM))}&scope=partner&scope=partner`;

    expect(await post({})).toMatchObject({ status: 400, error: 'invalid_request' });
    expect(await post('')).toMatchObject({ status: 400, error: 'invalid_request' });
    expect(await post(twice)).toMatchObject({ status: 400, error: 'invalid_request' });
    expect(await post(JSON.stringify(FORM), 'application/json')).toMatchObject({
      status: 400,
      error: 'invalid_request',
    });
    expect(await post({ ...FORM, grant_type: 'password' })).toMatchObject({
      status: 400,
      error: 'unsupported_grant_type',
    });
  });

  it.each(['operator', 'partner operator', 'partner  partner'])(
    'refuses the scope "%s" and uses no assertion up',
    async (scope) => {
      const assertion = await world.acme.sign('JWT', assertionClaims());

      expect(await post({ ...FORM, client_assertion: assertion, scope })).toMatchObject({
        status: 400,
        error: 'invalid_scope',
      });
      expect(await post({ ...FORM, client_assertion: assertion })).toMatchObject({ status: 200 });
    },
  );
});

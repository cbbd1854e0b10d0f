import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AccessWorld, AT, ISSUER, NOW, readBody } from '../../test/support/access-world.js';
import { TYP } from '../envelope/index.js';

let world: AccessWorld;
let app: NestFastifyApplication;

beforeAll(async () => {
  ({ world, app } = await AccessWorld.make());
});

afterAll(() => app.close());

beforeEach(() => {
  world.now = NOW;
  world.standing = 'active';
  world.operatorIsGood = true;
});

async function get(path: string, authorization?: string) {
  const headers = authorization === undefined ? {} : { authorization };
  const answer = await app.inject({ method: 'GET', url: path, headers });
  return { status: answer.statusCode, ...readBody(answer.body), headers: answer.headers };
}

const tokenClaims = (over: object = {}): object => ({
  iss: ISSUER,
  sub: 'acme',
  client_id: 'acme',
  aud: ISSUER,
  iat: AT,
  exp: AT + 600,
  jti: 'one',
  scope: 'partner',
  sealpost_jkt: world.acme.jkt,
  ...over,
});
const operatorClaims = (): object =>
  tokenClaims({
    sub: 'operator',
    client_id: 'operator',
    scope: 'operator',
    sealpost_jkt: world.operator.jkt,
  });

const bearer = async (over: object = {}, typ: string = TYP.accessToken): Promise<string> =>
  `Bearer ${await world.exchange.sign(typ, tokenClaims(over))}`;

async function raw(headers: string): Promise<string> {
  const { port } = new URL(await app.getUrl());
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.write(`GET /partner HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`);
  });
}

async function send(type: string, payload: string, more: object = {}) {
  const headers = { 'content-type': type, ...more };
  const answer = await app.inject({ method: 'POST', url: '/signed', headers, payload });
  return { status: answer.statusCode, ...readBody(answer.body) };
}

describe('the guard', () => {
  it('lets everybody through an open door, whatever they bring', async () => {
    expect(await get('/open')).toMatchObject({ status: 200 });
    expect(await get('/open', 'Basic eDp5')).toMatchObject({ status: 200 });
  });

  it.each(['/undecorated', '/nobody'])('closes %s to all', async (path) => {
    expect(await get(path, await bearer())).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('leaves an unknown route a 404 and a wrong method a 405', async () => {
    expect(await get('/nowhere')).toMatchObject({ status: 404, code: 'not_found' });
    const answer = await app.inject({ method: 'HEAD', url: '/partner' });
    expect(answer.statusCode).toBe(405);
  });

  it('tells a route who calls', async () => {
    expect(await get('/partner', await bearer())).toMatchObject({
      status: 'active',
      id: 'acme',
      jkt: world.acme.jkt,
      scope: 'partner',
    });
  });

  it.each([
    ['no header', async () => undefined],
    ['nothing', async () => ''],
    ['a lower-case scheme', async () => (await bearer()).replace('Bearer', 'bearer')],
    ['two spaces', async () => (await bearer()).replace('Bearer ', 'Bearer  ')],
    ['another scheme', async () => (await bearer()).replace('Bearer', 'Basic')],
    ['two tokens', async () => `${await bearer()}, ${await bearer()}`],
    ['8 KiB and more', async () => bearer({ pad: 'x'.repeat(8_192) })],
    ['rubbish', async () => 'Bearer a.b.c'],
    ['another typ', async () => bearer({}, TYP.receipt)],
    ['another issuer', async () => bearer({ iss: 'https://other.example' })],
    ['another audience', async () => bearer({ aud: 'https://other.example' })],
    ['an audience of two', async () => bearer({ aud: [ISSUER, 'https://other.example'] })],
    ['no exp', async () => bearer({ exp: undefined })],
    ['an exp that has come', async () => bearer({ exp: AT })],
    ['another client_id', async () => bearer({ client_id: 'globex' })],
    ['a scope that is not the id’s', async () => bearer({ scope: 'operator' })],
    ['no thumbprint', async () => bearer({ sealpost_jkt: undefined })],
    ['another key of the partner', async () => bearer({ sealpost_jkt: world.stranger.jkt })],
    ['a partner that does not exist', async () => bearer({ sub: 'globex', client_id: 'globex' })],
    [
      'a signature of the partner’s own',
      async () => `Bearer ${await world.acme.sign(TYP.accessToken, tokenClaims())}`,
    ],
  ])('refuses %s as unauthorized', async (_name, make) => {
    const answer = await get('/partner', await make());

    expect(answer).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('refuses a changed signature', async () => {
    const good = await bearer();
    const changed = good.slice(0, -4) + (good.endsWith('AAAA') ? 'BBBA' : 'AAAA');

    expect(await get('/partner', changed)).toMatchObject({ status: 401 });
  });

  it('refuses two Authorization headers on the wire, though each is good', async () => {
    const line = `authorization: ${await bearer()}\r\n`;

    expect(await raw(line)).toContain('HTTP/1.1 200');
    expect(await raw(line + line)).toContain('HTTP/1.1 401');
  });

  it('takes a signed body as the credential where the route says so, and asks for a token else', async () => {
    const authorization = await bearer();

    expect(await send('application/jwt', 'a.b.c')).toMatchObject({ caller: 'the body' });
    expect(await send('application/json', '{}')).toMatchObject({ status: 401 });
    expect(await send('application/json', '{}', { authorization })).toMatchObject({
      caller: 'acme',
    });
  });

  it('takes no token from the query or a cookie', async () => {
    const token = (await bearer()).slice(7);
    const answer = await app.inject({
      url: `/partner?access_token=${token}`,
      headers: { cookie: `access_token=${token}` },
    });

    expect(answer.statusCode).toBe(401);
  });

  it('keeps partners from the operator’s routes and the operator from theirs', async () => {
    const own = `Bearer ${await world.exchange.sign(TYP.accessToken, operatorClaims())}`;

    expect(await get('/operator', await bearer())).toMatchObject({ code: 'forbidden' });
    expect(await get('/partner', own)).toMatchObject({ code: 'forbidden' });
    expect(await get('/operator', own)).toMatchObject({ id: 'operator', status: 'active' });
  });

  it.each(['pending', 'suspended'] as const)('shows a %s partner its status only', async (now) => {
    world.standing = now;

    expect(await get('/partner', await bearer())).toMatchObject({ code: 'partner_inactive' });
    expect(await get('/status', await bearer())).toMatchObject({ id: 'acme', status: now });
  });

  it('looks partner, key and time up again for a token it has verified before', async () => {
    const [token, own] = [
      await bearer(),
      `Bearer ${await world.exchange.sign(TYP.accessToken, operatorClaims())}`,
    ];
    expect(await get('/partner', token)).toMatchObject({ id: 'acme' });
    expect(await get('/operator', own)).toMatchObject({ id: 'operator' });

    [world.standing, world.operatorIsGood] = [undefined, false];
    expect(await get('/partner', token)).toMatchObject({ status: 401 });
    expect(await get('/operator', own)).toMatchObject({ status: 401 });

    [world.standing, world.now] = ['active', new Date((AT + 600) * 1000)];
    expect(await get('/partner', token)).toMatchObject({ status: 401 });
  });

  it.each(['/%70artner', '//partner', '/partner/', '/partner;x', '/PARTNER', '/x/..%2fpartner'])(
    'decides %s as the plain path or knows no such route',
    async (path) => {
      expect([401, 404, 405]).toContain((await get(path)).status);
    },
  );
});

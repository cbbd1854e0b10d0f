import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/platform/index.js';
import type { Partner } from '../support/partner.js';
import { raw, request } from '../support/wire.js';
import { World } from '../support/world.js';

let world: World;
let alice: Partner;
let token: string;

beforeAll(async () => {
  world = await World.make();
  alice = await world.partner('alice');
  token = await (await world.operator()).token();
});
afterAll(() => world.stop());

const invites = (authorization: string) =>
  request(world.url, 'POST', '/v1/invites', { headers: { authorization }, json: { id: 'x' } });
const REFUSED = { status: 401, body: { code: 'unauthorized' } };

describe('the operator’s token (301, 302)', () => {
  it.each<[string, (good: string) => string]>([
    ['of another first byte', (good) => `Bearer f${good.slice(1)}`],
    [
      'of another last byte',
      (good) => `Bearer ${good.slice(0, -1)}${good.endsWith('A') ? 'Q' : 'A'}`,
    ],
    ['without its end', (good) => `Bearer ${good.slice(0, -40)}`],
    ['with something after it', (good) => `Bearer ${good}A`],
    ['that is empty', () => 'Bearer '],
    ['that is missing', () => 'Bearer'],
    ['twice in one header', (good) => `Bearer ${good}, Bearer ${good}`],
    ['by Basic', (good) => `Basic ${Buffer.from(`operator:${good}`).toString('base64')}`],
    ['without a scheme', (good) => good],
    ['of characters that are none', () => 'Bearer \u00e9\u00e9\u00e9.\u00e9.\u00e9'],
    ['that is long', (good) => `Bearer ${good}${'A'.repeat(9_000)}`],
  ])('%s is refused', async (_, header) => {
    expect(await invites(header(token))).toMatchObject(REFUSED);
  });

  it('is good as it is', async () => {
    expect(await invites(`Bearer ${token}`)).toMatchObject({ status: 201 });
  });

  it('of a megabyte ends with the header block', async () => {
    const head = `POST /v1/invites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer `;

    const { status } = await raw(world.url, `${head}${'a'.repeat(1_048_576)}\r\n\r\n`).catch(
      () => ({
        status: 431,
      }),
    );

    expect([0, 431]).toContain(status);
  });

  it.each(['access_token', 'token', 'authorization'])('is not taken from ?%s', async (name) => {
    const path = `/v1/invites?${name}=${token}`;
    const answer = await request(world.url, 'POST', path, {
      json: { id: 'x' },
      headers: { cookie: `${name}=${token}` },
    });

    expect(answer).toMatchObject(REFUSED);
    expect(answer.text).not.toContain(token);
  });

  it('is not asked for by naming the operator in a body (305)', async () => {
    const answer = await alice.try(
      alice.call('POST', '/v1/partners/alice/approve', {
        json: { rs256: true, operator: 'operator', actor: 'operator' },
      }),
    );

    expect(answer).toMatchObject({ status: 403, code: 'forbidden' });
  });
});

describe('a start (306, 307)', () => {
  const env = { DATABASE_URL: 'postgres://x@localhost/x', ISSUER: 'https://exchange.test' };

  it('without the exchange’s own keys is none', () => {
    expect(() => readSettings(env)).toThrow('EXCHANGE_JWKS: required');
  });

  it('has no password, shared secret or debug mode that could be left at its default', () => {
    const settings = readSettings({ ...env, EXCHANGE_JWKS: '{}' });

    const named = Object.keys(settings).filter((name) =>
      /SECRET|PASSWORD|TOKEN|DEBUG|NODE_ENV/.test(name),
    );
    expect(named).toEqual([]);
    expect(settings).toMatchObject({ EGRESS_ALLOW: [], EGRESS_HTTP: false, HOST: '127.0.0.1' });
  });
});

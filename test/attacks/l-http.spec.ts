import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Partner } from '../support/partner.js';
import { raw, request } from '../support/wire.js';
import { World } from '../support/world.js';

let world: World;
let alice: Partner;
let peer: Partner;

beforeAll(async () => {
  world = await World.make();
  [alice, peer] = [await world.partner('alice'), await world.partner('peer')];
  await alice.allow(peer);
});
afterAll(() => world.stop());

const isGranted = async () => {
  const { items } = await alice.call<{ items: object[] }>('GET', '/v1/grants');
  return items.length === 1;
};

describe('a request inside a request (269)', () => {
  it.each([
    ['a length and chunks', 'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n'],
    ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 6\r\n'],
    ['a coding that is none', 'Transfer-Encoding: xchunked\r\n'],
    ['two codings', 'Transfer-Encoding: chunked, identity\r\n'],
    ['two headers of coding', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n'],
    ['a vertical tab', 'Transfer-Encoding:\u000bchunked\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n'],
    ['a length with a sign', 'Content-Length: +5\r\n'],
    ['a length that is a list', 'Content-Length: 0, 0\r\n'],
  ])('hidden by %s is not executed', async (_, lines) => {
    const token = await alice.token();
    const hidden = `DELETE /v1/grants/peer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;

    const answer = await raw(
      world.url,
      `POST /v1/inbox/poll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${lines}\r\n0\r\n\r\n${hidden}`,
    );

    expect(answer.status).toBe(400);
    expect(await isGranted()).toBe(true);
  });
});

describe('a request that is none', () => {
  it.each([
    ['a bare LF (270)', 'GET /health/live HTTP/1.1\nHost: x\n\n'],
    ['a bare CR (270)', 'GET /health/live HTTP/1.1\r\nHost: x\rA: b\r\n\r\n'],
    ['a folded header (270)', 'GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n'],
    ['a NUL in a header (270)', 'GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\u0000c\r\n\r\n'],
    ['a name beyond ASCII (270)', 'GET /health/live HTTP/1.1\r\nHost: x\r\nÄ: b\r\n\r\n'],
    ['HTTP/0.9 (273)', 'GET /health/live\r\n\r\n'],
    ['HTTP/3.0 (273)', 'GET /health/live HTTP/3.0\r\nHost: x\r\n\r\n'],
    ['a host that is missing (272)', 'GET /health/live HTTP/1.1\r\n\r\n'],
    ['a preface of HTTP/2 (293)', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('with %s is 400 or no answer at all', async (_, bytes) => {
    const { status, text } = await raw(world.url, bytes);

    expect([0, 400]).toContain(status);
    expect(text).not.toContain('"ok"');
  });

  it.each([
    ['a size beyond all numbers', 'ffffffffffffffffff\r\nx'],
    ['a size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a sign', '-5\r\nhello\r\n0\r\n\r\n'],
    ['an endless extension', `5;${'a'.repeat(40_000)}\r\nhello\r\n0\r\n\r\n`],
  ])('whose chunks have %s is refused (271)', async (_, chunks) => {
    const { status } = await raw(
      world.url,
      `POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Type: application/jwt\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
    );

    expect([400, 413]).toContain(status);
  });

  it.each(['TRACE', 'CONNECT', 'PROPFIND', 'PURGE'])(
    'by %s leads nowhere (273)',
    async (method) => {
      const target = method === 'CONNECT' ? 'x:80' : '/health/live';
      const { status, text } = await raw(
        world.url,
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nX-Canary: seen\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      );

      expect([0, 400, 404, 405, 501]).toContain(status);
      expect(text).not.toContain('seen');
    },
  );

  it('by OPTIONS * leads nowhere (273)', async () => {
    const { status } = await raw(
      world.url,
      'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );

    expect([400, 404, 405]).toContain(status);
  });

  it('for another authority than its Host names reaches no other route (272, 273)', async () => {
    const { status, body } = await raw(
      world.url,
      'GET http://other.example/v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );

    expect([400, 401, 404]).toContain(status);
    expect(body['code']).toMatch(/^(?:validation_failed|unauthorized|not_found)$/);
  });

  it('by HTTP/1.0 is held to the same rules (273)', async () => {
    const get = (lines: string) => raw(world.url, `GET /v1/keys HTTP/1.0\r\n${lines}\r\n`);

    expect(await get('Host: x\r\n')).toMatchObject({ status: 401 });
    expect(await get('')).toMatchObject({ status: 400 });
  });
});

describe('many requests on one connection (287)', () => {
  it('are answered each, in their order', async () => {
    const COUNT = 1_000;
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    let came = '';
    socket.setEncoding('utf8').on('data', (text) => (came += text));
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

    socket.write(one('/health/live').repeat(COUNT - 1));
    socket.write('GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');

    const statuses = [...came.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
    expect(statuses).toHaveLength(COUNT);
    expect(statuses.at(-1)).toBe('404');
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set(['200']));
  });
});

describe('every answer', () => {
  it('names no software, is not compressed and is not kept (294, 297)', async () => {
    for (const path of ['/health/live', '/v1/keys', '/nowhere', '/.well-known/sealpost']) {
      const { headers } = await request(world.url, 'GET', path, {
        headers: { 'accept-encoding': 'gzip, br, deflate' },
      });
      expect(headers.get('content-encoding'), path).toBeNull();
      expect(headers.get('server'), path).toBeNull();
      expect(headers.get('x-powered-by'), path).toBeNull();
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      if (path !== '/.well-known/sealpost')
        expect(headers.get('cache-control'), path).toContain('no-store');
    }
  });

  it('stays HTTP/1.1 when an upgrade is asked for (293)', async () => {
    for (const protocol of ['h2c', 'websocket']) {
      const { status } = await raw(
        world.url,
        `GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
      );
      expect(status).not.toBe(101);
    }
  });

  it('holds no line of a claim as a header (291)', async () => {
    for (const jti of ['a\r\nSet-Cookie: x=1', 'a\nb', 'a\u0000b']) {
      const answer = await alice.sends(alice, { jti });
      expect(answer).toMatchObject({ status: 400, code: 'claims_invalid' });
    }
  });
});

describe('after all of that (296)', () => {
  it('the process is there and well', async () => {
    expect(await request(world.url, 'GET', '/health/ready')).toMatchObject({ status: 200 });
  });
});

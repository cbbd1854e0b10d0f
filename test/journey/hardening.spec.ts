import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw, request } from '../support/wire.js';
import { World } from '../support/world.js';

describe('what a browser is told', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  });
  afterAll(() => world.stop());

  const policyOf = async (path: string): Promise<string> =>
    (await request(world.url, 'GET', path)).headers.get('content-security-policy') ?? '';

  it('runs no script but the own ones on /docs, and none written into the page', async () => {
    const policy = await policyOf('/docs');

    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    const { text } = await request(world.url, 'GET', '/docs');
    const scripts = [...text.matchAll(/<script\b([^>]*)>([^<]*)/g)];
    expect(scripts.length).toBeGreaterThan(1);
    for (const [, attributes, inside = ''] of scripts) {
      expect(attributes).toMatch(/\bsrc="\.\/docs\//);
      expect(inside.trim()).toBe('');
    }
  });

  it('runs no script at all on /errors, and takes its own style alone', async () => {
    const policy = await policyOf('/errors');

    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='/);
    expect(policy).not.toContain('unsafe');
  });

  it.each(['/v1/partners', '/.well-known/sealpost', '/nowhere', '/openapi.json', '/v1/a%zz'])(
    'is told of %s that it is no page',
    async (path) => {
      expect(await policyOf(path)).toBe("default-src 'none'; frame-ancestors 'none'");
    },
  );

  it('is told to keep to https where partners know the exchange by https', async () => {
    const { headers } = await request(world.url, 'GET', '/health/live');

    expect(headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  it.each([
    '/docs/package.json',
    '/docs/%70ackage.json',
    '/docs/README.md',
    '/docs/swagger-ui.js.map',
    '/docs/oauth2-redirect.html',
    '/docs/swagger-initializer.js',
    '/docs/swagger-ui.css/../package.json',
    '/docs/swagger-ui.css%2f..%2fpackage.json',
  ])('does not find %s, which no page asks for', async (path) => {
    const answer = await raw(
      world.url,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );

    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toContain('swagger-ui-dist');
  });

  it.each(['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-init.js', 'favicon-32x32.png'])(
    'finds /docs/%s',
    async (file) => {
      expect((await request(world.url, 'GET', `/docs/${file}`)).status).toBe(200);
    },
  );
});

describe('http on this machine alone', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make({ settings: { ISSUER: 'http://localhost:3000' } });
  });
  afterAll(() => world.stop());

  it('says nothing of https', async () => {
    const { headers } = await request(world.url, 'GET', '/health/live');

    expect(headers.get('strict-transport-security')).toBeNull();
  });
});

/** Less than the connection may live; what is stalled must end before. */
const SOON_MS = 4_000;

describe('a connection', () => {
  let world: World;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    world = await World.make({
      settings: {
        REQUEST_TIMEOUT_MS: '400',
        CONNECTION_TIMEOUT_MS: '1500',
        LONG_POLL_MS: '500',
        MAX_CONNECTIONS: '20',
      },
    });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await world.stop();
  });

  /** Sends these bytes, one at a time for ever after, and answers when it was cut off and with what. */
  function stall(bytes: string, drop = ''): Promise<{ came: string; tookMs: number }> {
    const { hostname, port } = new URL(world.url);
    const began = performance.now();
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    let came = '';
    socket.setEncoding('utf8');
    socket.on('data', (text) => (came += text));
    socket.on('error', () => undefined);
    socket.write(bytes);
    const dripping = drop === '' ? undefined : setInterval(() => socket.write(drop), 50);
    return new Promise((resolve) => {
      socket.on('close', () => {
        clearInterval(dripping);
        resolve({ came, tookMs: performance.now() - began });
      });
    });
  }

  const POST = 'POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Type: application/jwt\r\n';

  it.each([
    ['says nothing', '', ''],
    ['begins a header and stops', 'GET /health/live HTTP/1.1\r\nHo', ''],
    ['goes on with its headers drop by drop', 'GET /health/live HTTP/1.1\r\nX: ', 'a'],
    ['begins a body and stops', `${POST}Content-Length: 1000\r\n\r\neyJ`, ''],
    ['goes on with its body drop by drop', `${POST}Content-Length: 100000\r\n\r\neyJ`, 'a'],
    [
      'goes on with its chunks drop by drop',
      `${POST}Transfer-Encoding: chunked\r\n\r\n`,
      '1\r\na\r\n',
    ],
  ])('that %s is ended in time', async (_, bytes, drop) => {
    const { came, tookMs } = await stall(bytes, drop);

    expect(tookMs).toBeLessThan(SOON_MS);
    expect(came).toMatch(/^(?:$|HTTP\/1\.1 408 )/);
  });

  it('is closed at once beyond as many as there may be, and others go on', async () => {
    const many = Array.from({ length: 40 }, () => stall('GET /health/live HTTP/1.1\r\nX: ', 'a'));

    const ended = await Promise.all(many);

    expect(ended.filter(({ came }) => came === '').length).toBeGreaterThanOrEqual(20);
    const answer = await request(world.url, 'GET', '/health/live', {
      headers: { connection: 'close' },
    });
    expect(answer.status).toBe(200);
  });

  it('may carry one request after the other', async () => {
    const get = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
    const { came } = await stall(get.repeat(50));

    expect(came.match(/HTTP\/1\.1 200 /g)).toHaveLength(50);
  });

  it('with more than 100 headers is refused, not read in part', async () => {
    const answer = await raw(
      world.url,
      `GET /health/live HTTP/1.1\r\nHost: x\r\n${'X: 1\r\n'.repeat(100)}Connection: close\r\n\r\n`,
    );

    expect([answer.status, answer.body['code']]).toEqual([400, 'validation_failed']);
  });

  it('with headers of more than 16 KiB is answered 431', async () => {
    const answer = await raw(
      world.url,
      `GET /health/live HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`,
    );

    expect(answer.status).toBe(431);
  });
});

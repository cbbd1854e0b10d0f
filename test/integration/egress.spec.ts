import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Egress, type EgressRequest } from '../../src/egress/index.js';

const RULES = { allowHttp: false, allowCidrs: [], allowLoopback: true, maxResponseBytes: 65_536 };
const REQUEST: EgressRequest = {
  headers: { 'content-type': 'application/jwt', 'webhook-id': 'd1' },
  body: 'a.b.c',
  timeoutMs: 2_000,
};
const HURRIED: EgressRequest = { ...REQUEST, timeoutMs: 300 };
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

const unhandled: unknown[] = [];
const note = (error: unknown): void => {
  unhandled.push(error);
};
beforeAll(() => {
  process.on('unhandledRejection', note);
});
afterAll(() => {
  process.off('unhandledRejection', note);
});

const big = (bytes: number): string => `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`;

describe('a receiver that behaves', () => {
  it('gets the request as it was given, and nothing that asks for more', async () => {
    const receiver = await listen((socket) => socket.end(OK));
    const headers = { ...REQUEST.headers, Host: 'other.example', 'Accept-Encoding': 'gzip' };

    const answer = await egressOf().post(receiver.url('/hook?a=1'), { ...REQUEST, headers });

    expect(answer).toEqual({
      status: 200,
      headers: { 'content-length': '2' },
      body: 'ok',
      truncated: false,
    });
    expect(receiver.heard().toLowerCase().split('\r\n').toSorted()).toEqual([
      '',
      'a.b.c',
      'accept-encoding: identity',
      'connection: keep-alive',
      'content-length: 5',
      'content-type: application/jwt',
      `host: 127.0.0.1:${receiver.port}`,
      'post /hook?a=1 http/1.1',
      'webhook-id: d1',
    ]);
  });

  it.each([200, 201, 202, 206, 226, 299, 400, 401, 404, 410, 413, 429, 500, 503, 520, 599])(
    'is taken at its word: %i',
    async (status) => {
      const head = `HTTP/1.1 ${status} X\r\nRetry-After: 1\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n`;
      const receiver = await listen((socket) => socket.end(head));

      expect(await egressOf().post(receiver.url(), REQUEST)).toMatchObject({
        status,
        headers: { 'retry-after': '1' },
        truncated: false,
      });
    },
  );

  it('may send hints before the answer', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(3);
    const receiver = await listen((socket) => socket.end(hints + OK));

    const answer = await egressOf().post(receiver.url(), REQUEST);

    expect(answer).toMatchObject({ status: 200, headers: { 'content-length': '2' } });
  });

  it('keeps its connection for the same partner, and for no other (253)', async () => {
    const receiver = await listen((socket) => socket.write(OK));
    const egress = egressOf();
    const post = (poolKey: string): Promise<unknown> =>
      egress.post(receiver.url(), { ...REQUEST, poolKey });

    for (let times = 0; times < 10; times += 1) await post('acme');
    const acmes = receiver.connections();
    await post('globex');

    // undici may open a second one while it still tidies up after the first answer.
    expect(acmes).toBeLessThanOrEqual(2);
    expect(receiver.connections()).toBe(acmes + 1);
  });
});

describe('a redirect is an answer and never followed (227, 247)', () => {
  it.each([300, 301, 302, 303, 304, 305, 307, 308])('%i', async (status) => {
    const target = await listen((socket) => socket.end(OK));
    const receiver = await listen((socket) =>
      socket.end(
        `HTTP/1.1 ${status} X\r\nLocation: ${target.url()}\r\nRefresh: 0;url=${target.url()}\r\nContent-Length: 0\r\n\r\n`,
      ),
    );

    expect(await egressOf().post(receiver.url(), REQUEST)).toMatchObject({ status });
    expect(target.connections()).toBe(0);
  });
});

describe('a receiver that gives no status', () => {
  it.each<[string, string, (socket: Socket) => unknown]>([
    ['never answers (242)', 'timeout', () => undefined],
    ['sends its headers slowly (243)', 'timeout', (s) => drip(s, 'HTTP/1.1 200 OK\r\nX: ', 'x')],
    ['sends hints for ever (246)', 'timeout', (s) => drip(s, '', 'HTTP/1.1 103 X\r\n\r\n')],
    ['continues for ever (246)', 'response_invalid', (s) => drip(s, '', 'HTTP/1.1 100 C\r\n\r\n')],
    [
      'switches protocols (246)',
      'response_invalid',
      (s) => s.write('HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
    ['switches without a word', 'response_invalid', (s) => s.end('HTTP/1.1 101 X\r\n\r\n')],
    ['resets (254)', 'reset', (s) => s.resetAndDestroy()],
    ['closes (254)', 'reset', (s) => s.end()],
    ['closes within the status line (254)', 'reset', (s) => s.end('HTTP/1.1 20')],
    [
      'resets within the headers (254)',
      'reset',
      (s) => s.write('HTTP/1.1 200 OK\r\nX: y', () => s.resetAndDestroy()),
    ],
    ['sends a header of 1 MB (252)', 'response_too_large', (s) => s.write(big(1_000_000))],
    [
      'sends 10,000 headers (252)',
      'response_too_large',
      (s) => s.write(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}\r\n`),
    ],
    [
      'sends NUL in a header (252)',
      'response_invalid',
      (s) => s.end('HTTP/1.1 200 OK\r\nX: \0\r\n\r\n'),
    ],
    [
      'sends two lengths (252)',
      'response_invalid',
      (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'),
    ],
    [
      'sends a length and chunks (252)',
      'response_invalid',
      (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok'),
    ],
    ['is no HTTP server', 'response_invalid', (s) => s.end('220 mail.example ESMTP\r\n')],
    [
      'answers with a TLS alert (257)',
      'response_invalid',
      (s) => s.end(Buffer.of(21, 3, 1, 0, 2, 2, 70)),
    ],
    ['answers with rubbish', 'response_invalid', (s) => s.end(Buffer.alloc(2048, 0xff))],
  ])('%s', async (_, reason, behave) => {
    const receiver = await listen(behave);

    const post = egressOf().post(receiver.url(), HURRIED);

    await expect(post).rejects.toMatchObject({ name: 'EgressFault', reason });
    await expect(post).rejects.not.toThrow(/127\.0\.0\.1|x{3}|mail/);
    expect(receiver.connections()).toBe(1);
  });

  it('speaks http where https was asked for (257)', async () => {
    const receiver = await listen((socket) => socket.end(OK));

    const post = egressOf().post(receiver.url().replace('http:', 'https:'), HURRIED);

    await expect(post).rejects.toMatchObject({ reason: 'tls' });
  });

  it('accepts https and never shakes hands', async () => {
    const receiver = await listen(() => undefined);

    const post = egressOf().post(receiver.url().replace('http:', 'https:'), HURRIED);

    await expect(post).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('does not listen (258)', async () => {
    const post = egressOf().post('http://127.0.0.1:1/', HURRIED);

    await expect(post).rejects.toMatchObject({ reason: 'connect', code: 'ECONNREFUSED' });
  });
});

describe('the caller', () => {
  it('may give up, before and during', async () => {
    const giveUp = new AbortController();
    const receiver = await listen(() => {
      giveUp.abort();
    });
    const request = { ...REQUEST, signal: giveUp.signal };
    const egress = egressOf();

    await expect(egress.post(receiver.url(), request)).rejects.toMatchObject({ reason: 'timeout' });
    await expect(egress.post(receiver.url(), request)).rejects.toMatchObject({ reason: 'timeout' });
    expect(receiver.connections()).toBe(1);
  });

  it.each([
    ['a header value', { 'x-a': 'b\r\nX-Injected: 1' }],
    ['a header name', { 'x-a: b\r\nx': '1' }],
  ])('cannot inject lines by %s', async (_, headers) => {
    const receiver = await listen((socket) => socket.end(OK));

    await expect(egressOf().post(receiver.url(), { ...REQUEST, headers })).rejects.toMatchObject({
      name: 'EgressFault',
    });
    expect(receiver.heard()).toBe('');
  });

  it('closes without waiting, and cannot post after that', async () => {
    const arrived = Promise.withResolvers<void>();
    const receiver = await listen(() => {
      arrived.resolve();
    });
    const egress = egressOf();
    const outcome = egress.post(receiver.url(), REQUEST).catch((error: unknown) => error);
    await arrived.promise;

    await egress.close();

    expect(await outcome).toMatchObject({ name: 'EgressFault', reason: 'reset' });
    await expect(egress.post(receiver.url(), REQUEST)).rejects.toMatchObject({ reason: 'reset' });
    await egress.close();
  });

  it('never meets a rejection that nobody handles', async () => {
    const receiver = await listen((socket) => socket.resetAndDestroy());
    const egress = egressOf();

    await Promise.all(
      Array.from({ length: 50 }, () => egress.post(receiver.url(), REQUEST).catch(() => undefined)),
    );

    expect(unhandled).toEqual([]);
  });
});

interface Receiver {
  readonly port: number;
  readonly url: (path?: string) => string;
  readonly connections: () => number;
  readonly heard: () => string;
}

/** A server of bare TCP, which behaves in the given way whenever a request has arrived. */
async function listen(behave: (socket: Socket) => unknown): Promise<Receiver> {
  const sockets: Socket[] = [];
  let heard = '';
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      // Head and body may come apart; a TLS hello is all there will be of it.
      if (data.includes(REQUEST.body) || data[0] === 0x16) behave(socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const port = portOf(server);
  const url = (path = '/'): string => `http://127.0.0.1:${port}${path}`;
  return { port, url, connections: () => sockets.length, heard: () => heard };
}

function egressOf(): Egress {
  const egress = new Egress(RULES);
  cleanUps.push(() => egress.close());
  return egress;
}

function drip(socket: Socket, first: string, drop: string): void {
  socket.write(first);
  const timer = setInterval(() => socket.write(drop), 20);
  socket.on('close', () => {
    clearInterval(timer);
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('does not listen');
  return address.port;
}

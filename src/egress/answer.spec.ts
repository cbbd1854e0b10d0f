import { createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { Egress, type EgressRequest, type EgressRules } from './index.js';

const RULES: EgressRules = {
  allowHttp: false,
  allowCidrs: [],
  allowLoopback: true,
  maxResponseBytes: 65_536,
};
const REQUEST: EgressRequest = { headers: {}, body: 'a.b.c', timeoutMs: 2_000 };
const HURRIED: EgressRequest = { ...REQUEST, timeoutMs: 300 };
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

describe('a receiver that gives a status and then misbehaves', () => {
  const head = 'HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\nsome';
  const chunk = 'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n';

  it.each<[string, (socket: Socket) => unknown]>([
    ['resets (254)', (s) => thenReset(s, head)],
    ['closes (254)', (s) => s.end(head)],
    ['never ends its body', (s) => s.write(head)],
    ['drips its body (243)', (s) => drip(s, chunk, '1\r\n \r\n')],
    ['breaks its chunks', (s) => s.end(`${chunk}rubbish\r\n`)],
  ])('%s: the status counts', async (_, behave) => {
    const receiver = await listen(behave);

    const answer = await egressOf().post(receiver.url(), HURRIED);

    expect(answer).toMatchObject({ status: 202, truncated: true });
    expect(answer.body.trimEnd()).toBe('some');
  });

  it.each([202, 400, 503])(
    'endless body after %i: cut, and the connection destroyed',
    async (status) => {
      const closed = Promise.withResolvers<void>();
      const receiver = await listen((socket) => {
        socket.on('close', () => {
          closed.resolve();
        });
        socket.write(`HTTP/1.1 ${status} X\r\n\r\n`);
        const more = (): void => {
          while (socket.writable && socket.write('x'.repeat(16_384))) void 0;
        };
        socket.on('drain', more);
        more();
      });

      const answer = await egressOf().post(receiver.url(), REQUEST);
      await closed.promise;

      expect(answer).toMatchObject({ status, truncated: true });
      expect(answer.body).toHaveLength(RULES.maxResponseBytes);
    },
  );

  it.each([
    [RULES.maxResponseBytes, false],
    [RULES.maxResponseBytes + 1, true],
  ])('a body of %i bytes: truncated is %s', async (bytes, truncated) => {
    const text = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`;
    const receiver = await listen((socket) => socket.end(text));

    const answer = await egressOf().post(receiver.url(), REQUEST);

    expect([answer.body.length, answer.truncated]).toEqual([RULES.maxResponseBytes, truncated]);
  });

  it('sends a bomb that is never unpacked (245)', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const receiver = await listen((socket) => {
      const encodings = Array<string>(100).fill('gzip').join(',');
      const lines = `Content-Encoding: ${encodings}\r\nContent-Length: ${bomb.length}`;
      socket.write(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`);
      socket.end(bomb);
    });

    const answer = await egressOf().post(receiver.url(), REQUEST);

    expect(answer.body).toBe(bomb.toString('utf8'));
  });

  it('sends headers that would stay, which do not (261)', async () => {
    const receiver = await listen((socket) =>
      socket.write(
        `HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n__proto__: x\r\nAlt-Svc: h2=":1"\r\nContent-Length: 0\r\n\r\n`,
      ),
    );
    const egress = egressOf();

    await egress.post(receiver.url(), REQUEST);
    const answer = await egress.post(receiver.url(), REQUEST);

    expect(Object.getPrototypeOf(answer.headers)).toBe(Object.prototype);
    expect(receiver.heard().toLowerCase()).not.toContain('cookie');
  });

  it('leaves a second answer on the socket, which nobody reads (253)', async () => {
    const poison = OK.replace('200 OK', '410 Gone');
    const receiver = await listen((socket) => socket.write(OK + poison));
    const egress = egressOf();

    const statuses = [
      (await egress.post(receiver.url(), REQUEST)).status,
      (await egress.post(receiver.url(), REQUEST)).status,
    ];

    expect(statuses).toEqual([200, 200]);
    expect(receiver.connections()).toBe(2);
  });

  it('answers after the deadline, and the next request gets its own answer (260)', async () => {
    const sockets: Socket[] = [];
    const receiver = await listen((socket) => {
      sockets.push(socket);
      if (sockets.length > 1) socket.write(OK);
    });
    const egress = egressOf();

    await expect(egress.post(receiver.url(), HURRIED)).rejects.toMatchObject({ reason: 'timeout' });
    sockets[0]?.write(OK.replace('200', '410'));

    expect(await egress.post(receiver.url(), REQUEST)).toMatchObject({ status: 200 });
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

function thenReset(socket: Socket, text: string): void {
  socket.write(text, () => {
    socket.resetAndDestroy();
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('does not listen');
  return address.port;
}

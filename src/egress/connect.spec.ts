import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import * as tls from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Egress, type EgressRules, type Lookup } from './index.js';

const ANYWHERE: EgressRules = {
  allowHttp: true,
  allowCidrs: [],
  allowLoopback: false,
  allowPorts: 'any',
  maxResponseBytes: 1024,
};
const LOOPBACK: EgressRules = { ...ANYWHERE, allowLoopback: true };
const REQUEST = { headers: {}, body: 'x', timeoutMs: 1_000 };

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

describe('judges at every connection', () => {
  it.each([
    ['a name that means loopback', '127.0.0.1'],
    ['a name that means loopback by IPv6', '::1'],
    ['a mapped address', '::ffff:127.0.0.1'],
    ['a public address and loopback', '8.8.8.8', '127.0.0.1'],
    ['loopback and a public address', '127.0.0.1', '8.8.8.8'],
    ['a thousand addresses, the last one bad', ...Array<string>(999).fill('8.8.8.8'), '127.0.0.1'],
    ['what is no address', '127.1'],
  ])('and connects to nothing for %s', async (_, ...addresses) => {
    const receiver = await listen(answer200);
    const egress = egressOf(ANYWHERE, finds(...addresses));

    await expect(egress.post(receiver.url('a.example'), REQUEST)).rejects.toMatchObject({
      name: 'EgressFault',
      reason: 'url_rejected',
    });
    expect(receiver.connections).toBe(0);
  });

  it.each(['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', '2130706433', '0.0.0.0'])(
    'and connects to nothing for %s in the URL',
    async (host) => {
      const receiver = await listen(answer200);

      await expect(egressOf(ANYWHERE).post(receiver.url(host), REQUEST)).rejects.toMatchObject({
        reason: 'url_rejected',
      });
      expect(receiver.connections).toBe(0);
    },
  );

  it('resolves once and connects to that address, wherever the name moves next (222)', async () => {
    const receiver = await listen(answer200);
    const lookup = moves(['8.8.8.8'], ['127.0.0.1'], ['10.0.0.1']);
    const egress = egressOf(LOOPBACK, lookup.lookup);
    const url = await egress.admitUrl(receiver.url('a.example'), { resolve: true });

    expect(await egress.post(url, REQUEST)).toMatchObject({ status: 200 });
    expect(lookup.times()).toBe(2);
  });

  it('refuses a name that was public at registration and is not any more (222)', async () => {
    const receiver = await listen(answer200);
    const egress = egressOf(ANYWHERE, moves(['8.8.8.8'], ['127.0.0.1']).lookup);
    const url = await egress.admitUrl(receiver.url('a.example'), { resolve: true });

    await expect(egress.post(url, REQUEST)).rejects.toMatchObject({ reason: 'url_rejected' });
    expect(receiver.connections).toBe(0);
  });

  it('takes the next address when nobody listens at the first', async () => {
    const receiver = await listen(answer200);
    const egress = egressOf(LOOPBACK, finds('127.0.0.2', '127.0.0.3', '127.0.0.1'));

    expect(await egress.post(receiver.url('a.example'), REQUEST)).toMatchObject({ status: 200 });
  });

  it('asks the system when no resolver is handed in', async () => {
    const receiver = await listen(answer200);

    expect(await egressOf(LOOPBACK).post(receiver.url('localhost'), REQUEST)).toMatchObject({
      status: 200,
    });
  });

  it('dials a few addresses of many, and each family among them', async () => {
    const receiver = await listen(answer200);
    const dead = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];

    await expect(
      egressOf(LOOPBACK, finds(...dead, '127.0.0.1')).post(receiver.url('a.example'), REQUEST),
    ).rejects.toMatchObject({ reason: 'connect', code: 'ECONNREFUSED' });
    expect(
      await egressOf(LOOPBACK, finds('::1', '::1', '::1', '::1', '127.0.0.1')).post(
        receiver.url('a.example'),
        REQUEST,
      ),
    ).toMatchObject({ status: 200 });
  });

  it.each([
    ['no address', (): Lookup => finds()],
    ['an error', (): Lookup => () => Promise.reject(new Error('ENOTFOUND a.example'))],
  ])('calls %s a fault of the name (225)', async (_, lookup) => {
    await expect(
      egressOf(ANYWHERE, lookup()).post('https://a.example/', REQUEST),
    ).rejects.toMatchObject({ reason: 'dns' });
  });

  it('gives up in time on a resolver that never answers', async () => {
    const egress = egressOf(ANYWHERE, () => new Promise<never>(() => undefined));

    await expect(
      egress.post('https://a.example/', { ...REQUEST, timeoutMs: 100 }),
    ).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('sends nothing when the name resolves after the deadline (260)', async () => {
    const heard: string[] = [];
    const receiver = await listen((socket) => {
      socket.on('data', (data) => heard.push(data.toString('latin1')));
      answer200(socket);
    });
    const found = Promise.withResolvers<Awaited<ReturnType<Lookup>>>();
    const egress = egressOf(LOOPBACK, () => found.promise);
    const post = (body: string, timeoutMs: number): Promise<unknown> =>
      egress.post(receiver.url('a.example'), { headers: {}, body, timeoutMs });

    await expect(post('late', 50)).rejects.toMatchObject({ reason: 'timeout' });
    const next = post('next', 1_000);
    found.resolve([{ address: '127.0.0.1', family: 4 }]);

    expect(await next).toMatchObject({ status: 200 });
    expect(heard.join('')).toMatch(/^POST [^]*next$/);
    expect(heard.join('')).not.toContain('late');
  });

  it('does not look at proxy settings (235)', async () => {
    const [receiver, proxy] = [await listen(answer200), await listen(answer200)];
    vi.stubEnv('HTTP_PROXY', proxy.url('127.0.0.1'));
    vi.stubEnv('http_proxy', proxy.url('127.0.0.1'));

    await egressOf(LOOPBACK).post(receiver.url('127.0.0.1'), REQUEST);

    expect([receiver.connections, proxy.connections]).toEqual([1, 0]);
  });
});

describe('over TLS', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const cert = certificateFor('a.example');
  const trusted = tls.getCACertificates('default');

  afterEach(() => {
    tls.setDefaultCACertificates(trusted);
  });

  it('asks for the certificate of the name, at the address that was judged', async () => {
    tls.setDefaultCACertificates([cert]);
    const receiver = await listenTls();
    const url = `https://a.example:${receiver.port}/`;

    const answer = await egressOf(LOOPBACK, finds('127.0.0.1')).post(url, REQUEST);

    expect(answer).toMatchObject({ status: 200, body: 'a.example' });
  });

  it('refuses the certificate of another name, and of the address', async () => {
    tls.setDefaultCACertificates([cert]);
    const receiver = await listenTls();

    await expect(
      egressOf(LOOPBACK, finds('127.0.0.1')).post(`https://b.example:${receiver.port}/`, REQUEST),
    ).rejects.toMatchObject({ reason: 'tls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(
      egressOf(LOOPBACK).post(`https://127.0.0.1:${receiver.port}/`, REQUEST),
    ).rejects.toMatchObject({ reason: 'tls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('refuses a certificate that nobody vouches for, even if the environment would not', async () => {
    const receiver = await listenTls();
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const url = `https://a.example:${receiver.port}/`;

    await expect(egressOf(LOOPBACK, finds('127.0.0.1')).post(url, REQUEST)).rejects.toMatchObject({
      reason: 'tls',
    });
  });

  async function listenTls(): Promise<{ readonly port: number }> {
    const server = createHttpsServer({ key, cert }, (request, response) => {
      const { socket } = request;
      response.end(socket instanceof tls.TLSSocket ? String(socket.servername) : '');
    });
    return { port: await start(server) };
  }

  /** A self-signed certificate, written here so that the test needs no tool and no key in the repository. */
  function certificateFor(name: string): string {
    const algorithm = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
    const empty = der(0x30);
    const validity = der(0x30, time('20200101000000Z'), time('20991231000000Z'));
    const names = der(0x04, der(0x30, der(0x82, Buffer.from(name))));
    const extensions = der(
      0xa3,
      der(0x30, der(0x30, Buffer.from('0603551d11', 'hex'), Buffer.from('0101ff', 'hex'), names)),
    );
    const body = der(
      0x30,
      Buffer.from('a003020102020101', 'hex'), // version 3, serial number 1
      algorithm,
      empty,
      validity,
      empty,
      pair.publicKey.export({ type: 'spki', format: 'der' }),
      extensions,
    );
    const signature = createSign('sha256').update(body).sign(pair.privateKey);
    const bytes = der(0x30, body, algorithm, der(0x03, Buffer.of(0), signature));
    return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`;
  }
});

function time(text: string): Buffer {
  return der(0x18, Buffer.from(text));
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

function answer200(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
}

function egressOf(rules: EgressRules, lookup?: Lookup): Egress {
  const egress = new Egress(rules, lookup);
  cleanUps.push(() => egress.close());
  return egress;
}

function finds(...addresses: string[]): Lookup {
  return moves(addresses).lookup;
}

/** A resolver that says something else each time; then the last again. */
function moves(...answers: string[][]): { readonly lookup: Lookup; readonly times: () => number } {
  let times = 0;
  const lookup: Lookup = () => {
    const addresses = answers[Math.min(times, answers.length - 1)] ?? [];
    times += 1;
    return Promise.resolve(
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup, times: () => times };
}

async function listen(onSocket: (socket: Socket) => void): Promise<Receiver> {
  const receiver = { connections: 0, url: (host: string) => `http://${host}:${port}/` };
  const server = createServer((socket) => {
    receiver.connections += 1;
    onSocket(socket);
  });
  const port = await start(server);
  return receiver;
}

interface Receiver {
  readonly connections: number;
  readonly url: (host: string) => string;
}

async function start(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('does not listen');
  return address.port;
}

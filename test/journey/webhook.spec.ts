import { Controller, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import Fastify from 'fastify';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Message, Receiver, Sender, type Webhook } from '../../src/client/index.js';
import { TYP } from '../../src/envelope/index.js';
import { FAKE_ISSUER, FakeExchange, type FakePartner } from '../support/fake-exchange.js';

let exchange: FakeExchange;
let alice: FakePartner;
let bob: FakePartner;
let receiver: Receiver;
let got: Message[] = [];
let webhook: Webhook;
let stops: (() => Promise<unknown>)[] = [];
let partners = 0;
let handler: (message: Message) => void | Promise<void>;

beforeAll(async () => {
  exchange = await FakeExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(async () => {
  partners++;
  alice = await exchange.partner(`alice${partners}`);
  bob = await exchange.partner(`bob${partners}`);
  got = [];
  handler = (message) => void got.push(message);
  receiver = new Receiver(bob.session);
  webhook = receiver.webhook((message) => handler(message));
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
});

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
}

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** As Express does: middlewares one after the other on the request of node:http. */
function express(...before: Middleware[]): Promise<string> {
  return listening(
    createServer((request, response) => {
      const [first] = before;
      if (first === undefined) return webhook(request, response);
      return first(request, response, () => webhook(request, response));
    }),
  );
}

/** As express.raw() and express.text() leave the request: read, with what was read in `body`. */
function parsed(as: (bytes: Buffer) => unknown, member = 'body'): Middleware {
  return (request, _response, next) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      Object.assign(request, { [member]: as(Buffer.concat(chunks)) });
      next();
    });
  };
}

async function fastify(): Promise<string> {
  const app = Fastify();
  await app.register(webhook.fastify, { prefix: '/in' });
  stops.push(() => app.close());
  return `${await app.listen({ host: '127.0.0.1', port: 0 })}/in`;
}

@Module({})
class EmptyModule {}

@Controller('in')
class InController {
  @Post()
  in(
    @Req() request: { raw: IncomingMessage; body: unknown },
    @Res() reply: { raw: ServerResponse },
  ) {
    webhook(Object.assign(request.raw, { body: request.body }), reply.raw);
  }
}

@Module({ controllers: [InController] })
class InModule {}

async function nest(): Promise<string> {
  const app = await NestFactory.create<NestFastifyApplication>(EmptyModule, new FastifyAdapter(), {
    logger: false,
  });
  app.use('/in', webhook);
  return started(app);
}

/** A controller, where the framework has read the body. */
async function nestController(): Promise<string> {
  const app = await NestFactory.create<NestFastifyApplication>(InModule, new FastifyAdapter(), {
    logger: false,
  });
  app.useBodyParser('application/jwt');
  return started(app);
}

async function started(app: NestFastifyApplication): Promise<string> {
  await app.listen(0, '127.0.0.1');
  stops.push(() => app.close());
  return `${await app.getUrl()}/in`;
}

const SERVERS: Record<string, () => Promise<string>> = {
  'node:http': () => express(),
  'Express without a body parser': () => express((_request, _response, next) => next()),
  'Express with express.raw()': () => express(parsed((bytes) => bytes)),
  'Express with express.text()': () => express(parsed((bytes) => bytes.toString())),
  'Nest with rawBody': () => express(parsed((bytes) => bytes, 'rawBody')),
  'Nest, mounted': nest,
  'Nest, in a controller': nestController,
  Fastify: fastify,
};

async function push(url: string, body: string, headers = {}, method = 'POST'): Promise<Response> {
  return fetch(url, {
    method,
    headers: { 'content-type': 'application/jwt', ...headers },
    ...(method === 'GET' ? {} : { body }),
  });
}

async function envelope(data: unknown = { n: 1 }): Promise<string> {
  return (await new Sender(alice.session).send(bob.id, 'invoice.created', data)).envelope;
}

function challenge(claims: Record<string, unknown> = {}, by = exchange.identity): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return by.sign(TYP.envelope, {
    iss: 'sealpost',
    aud: bob.id,
    via: FAKE_ISSUER,
    jti: 'c',
    iat: now,
    exp: now + 60,
    type: 'sealpost.endpoint.verification',
    data: { challenge: 'open sesame' },
    ...claims,
  });
}

describe.each(Object.entries(SERVERS))('a webhook on %s', (_name, serve) => {
  it('answers 202 without a body once the handler is done', async () => {
    const answer = await push(await serve(), await envelope());

    expect([answer.status, await answer.text()]).toEqual([202, '']);
    expect(got).toMatchObject([{ from: alice.id, data: { n: 1 }, sealed: true }]);
  });

  it('answers what does not hold as RFC 8935 says', async () => {
    const answer = await push(await serve(), `${await envelope()}A`);

    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('content-language')).toBe('en');
    expect(await answer.json()).toEqual({
      err: expect.stringMatching(/^invalid_/),
      description: expect.any(String),
    });
    expect(got).toEqual([]);
  });

  it('shows the exchange whose it is', async () => {
    const answer = await push(await serve(), await challenge());

    expect([answer.status, await answer.json()]).toEqual([200, { challenge: 'open sesame' }]);
    expect(got).toEqual([]);
  });

  it('does not take a byte that is none of a token', async () => {
    const bytes = Buffer.from(await envelope());
    const answer = await fetch(await serve(), {
      method: 'POST',
      headers: { 'content-type': 'application/jwt' },
      body: Buffer.concat([bytes, Buffer.from([0xff])]),
    });

    expect(answer.status).toBe(400);
    expect(got).toEqual([]);
  });
});

describe('a webhook', () => {
  it('answers again as before what comes again, and handles it once', async () => {
    const [url, one] = [await express(), await envelope()];

    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await push(url, one)).status);

    expect(statuses).toEqual([202, 202, 202]);
    expect(got).toHaveLength(1);
  });

  it('asks to come again when its handler fails, and handles it then, after a restart too', async () => {
    const [url, one] = [await express(), await envelope()];
    handler = () => {
      throw new Error('no disk');
    };
    const failed = await push(url, one);
    handler = (message) => void got.push(message);
    webhook = new Receiver(bob.session).webhook((message) => handler(message));
    const again = await push(url, one);

    expect([failed.status, failed.headers.get('retry-after'), await failed.text()]).toEqual([
      503,
      '5',
      '',
    ]);
    expect(again.status).toBe(202);
    expect(got).toHaveLength(1);
  });

  it('asks to come again what is in hand just now', async () => {
    const [url, one] = [await express(), await envelope()];
    let finish: () => void = () => undefined;
    const began = new Promise<void>((begin) => {
      handler = () => {
        begin();
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      };
    });

    const first = push(url, one);
    await began;
    const second = await push(url, one);
    finish();

    expect([second.status, (await first).status]).toEqual([503, 202]);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['another partner', () => challenge({ aud: 'mallory' }), 'invalid_audience'],
    ['another exchange', () => challenge({ via: 'https://evil.test' }), 'invalid_request'],
    ['an hour ago', () => challenge({ exp: 1_000_000_000 }), 'invalid_request'],
    ['what it never sends', () => challenge({ type: 'invoice.created' }), 'invalid_request'],
    ['nothing', () => challenge({ data: {} }), 'invalid_request'],
    ['a partner’s key', () => challenge({}, alice.identity), 'invalid_key'],
  ])('does not answer a challenge for or by %s', async (_what, make, err) => {
    const answer = await push(await express(), await make());

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ err });
  });

  it.each<[string, Record<string, string>, string, number]>([
    ['GET', {}, 'GET', 405],
    ['PUT', {}, 'PUT', 405],
    ['JSON', { 'content-type': 'application/json' }, 'POST', 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'POST', 415],
  ])('does not take %s', async (_what, headers, method, status) => {
    const answer = await push(await express(), await envelope(), headers, method);

    expect([answer.status, await answer.text()]).toEqual([status, '']);
    expect(got).toEqual([]);
  });

  it('takes a parameter of the media type, and any case', async () => {
    const headers = { 'content-type': 'Application/JWT; charset=utf-8' };

    expect((await push(await express(), await envelope(), headers)).status).toBe(202);
  });

  it('reads no more than an envelope can have', async () => {
    const answer = await push(await express(), 'A'.repeat(1_048_577));

    expect(answer.status).toBe(413);
  });

  it('asks to come again while it cannot get the keys', async () => {
    const one = await envelope();
    const there = await FakeExchange.start();
    const cutOff = there.session(bob.identity);
    await cutOff.exchange.issuer();
    await there.stop();
    webhook = new Receiver(cutOff).webhook((message) => handler(message));

    expect((await push(await express(), one)).status).toBe(503);
  });
});

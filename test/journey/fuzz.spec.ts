import * as fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forge } from '../support/forge.js';
import { expectSoundLedger } from '../support/ledger.js';
import type { Partner } from '../support/partner.js';
import { ExchangeProcess } from '../support/process.js';
import { request } from '../support/wire.js';
import { World } from '../support/world.js';

const SEED = 20_261_125;
const REQUESTS = 4_000;
const RAW_CONNECTIONS = 300;
const AT_ONCE = 16;
/** Above what it had when it was warm. A leak of 20 KiB a request would be seen. */
const MORE_MIB = 64;

interface Route {
  readonly method: string;
  readonly path: string;
}

interface Shot {
  readonly route: number;
  readonly parameters: readonly string[];
  readonly query: string;
  readonly who: 'alice' | 'operator' | 'nobody' | 'garbage';
  readonly headers: Readonly<Record<string, string>>;
  readonly type: string | undefined;
  readonly body: string | undefined;
}

let world: World;
let exchange: ExchangeProcess;
let alice: Partner;
let operator: Partner;
let routes: readonly Route[];
let envelope: string;

beforeAll(async () => {
  // A poll that is in order may wait: not long.
  world = await World.bare({ settings: { LONG_POLL_MS: '20' } });
  exchange = await ExchangeProcess.start({ ...world.env, ROLES: 'api,worker' });
  alice = await world.partner('alice', { url: exchange.url });
  operator = await world.operator(exchange.url);
  const { paths } = (await (await fetch(`${exchange.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  routes = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ method: method.toUpperCase(), path })),
  );
  envelope = await new Forge(world, alice, alice).token('fuzzed');
});
afterAll(async () => {
  await expectSoundLedger(world);
  await exchange.kill();
  await world.stop();
});

const MEMBERS = (
  'id name contact jwks keys proofs statements invite jwk kty crv x kid use alg proof statement types ' +
  'sealedOnly algorithms url senders format challenge envelopes maxEvents returnImmediately ack ' +
  'setErrs reason since registrationId rs256 expiresInSeconds from to receipts err jwksUri __proto__'
).split(' ');

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    '\u0000',
    'alice ',
    '__proto__',
    '9'.repeat(400),
    '\ud800',
    '\u202e',
    'a'.repeat(9_000),
    '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11',
    "' or 1=1 --",
    '../../etc/passwd',
    'http://169.254.169.254/',
  ),
  fc.double(),
  fc.integer(),
  fc.bigInt().map(String),
  fc.boolean(),
  fc.constant(null),
);

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    odd,
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom(...MEMBERS), tie('tree'), { maxKeys: 5 }),
  ),
}));

/** A member that no route knows keeps what is otherwise in order from being carried out. */
const object = fc
  .dictionary(fc.constantFrom(...MEMBERS), tree, { maxKeys: 6 })
  .map((members) => JSON.stringify({ ...members, unheardOf: 1 }));

/** A signed envelope with bytes of it changed, dropped, doubled. */
const token = fc
  .record({
    at: fc.nat(),
    text: fc.string({ unit: 'binary-ascii', maxLength: 6 }),
    cut: fc.nat({ max: 40 }),
  })
  .map(({ at, text, cut }) => {
    const i = at % envelope.length;
    return envelope.slice(0, i) + text + envelope.slice(i + cut + 1);
  });

/** JSON with a few characters changed. */
const broken = fc
  .tuple(object, fc.nat(), fc.string({ unit: 'binary', maxLength: 4 }))
  .map(([text, at, more]) => text.slice(0, at % text.length) + more + text.slice(at % text.length));

const shot: fc.Arbitrary<Shot> = fc.record({
  route: fc.nat(),
  parameters: fc.array(
    fc.oneof(
      fc.constantFrom(
        '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11',
        'nobody',
        '%00',
        '%zz',
        'a'.repeat(500),
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).map(escaped),
    ),
    { minLength: 3, maxLength: 3 },
  ),
  query: fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc
        .dictionary(
          fc.constantFrom('limit', 'after', 'state', 'peer', 'from', 'to', 'type', 'x', 'a[b]'),
          fc.string({ unit: 'binary', maxLength: 20 }),
          { maxKeys: 3 },
        )
        .map(
          (query) =>
            `?${Object.entries(query)
              .map(([k, v]) => `${k}=${escaped(v)}`)
              .join('&')}`,
        ),
    },
  ),
  who: fc.constantFrom('alice', 'alice', 'operator', 'nobody', 'garbage'),
  headers: fc.dictionary(
    fc.constantFrom('accept', 'x-forwarded-for', 'traceparent', 'if-match', 'range', 'cookie', 'x'),
    fc.string({
      unit: fc.integer({ min: 32, max: 255 }).map((c) => String.fromCharCode(c === 127 ? 128 : c)),
    }),
    { maxKeys: 3 },
  ),
  type: fc.constantFrom(
    'application/json',
    'application/json',
    'application/json',
    'application/jwt',
    'application/x-www-form-urlencoded',
    'text/plain',
    undefined,
  ),
  body: fc.oneof(object, object, token, broken, fc.string({ unit: 'binary', maxLength: 200 })),
});

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

async function fire(one: Shot, tokens: Readonly<Record<string, string>>): Promise<string> {
  const { method, path } = routes[one.route % routes.length] ?? { method: 'GET', path: '/' };
  let n = 0;
  const filled = path.replaceAll(/\{[^}]+\}/g, () => one.parameters[n++ % 3] ?? '');
  const bodied = method !== 'GET' && one.body !== undefined;
  const bearer = tokens[one.who];
  const { status, text } = await request(exchange.url, method, filled + one.query, {
    headers: one.headers,
    ...(bearer === undefined ? {} : { token: bearer }),
    ...(bodied ? { text: one.body?.toWellFormed() ?? '' } : {}),
    ...(bodied && one.type !== undefined ? { type: one.type } : {}),
  });
  return `${status} ${method} ${path} ${status >= 500 ? text : ''}`.trim();
}

async function rss(): Promise<number> {
  const status = await readFile(`/proc/${exchange.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

async function rows(): Promise<Record<string, number>> {
  const tables = await world.rows<{ name: string }>(
    `select c.relname as name from pg_class c where c.relnamespace = 'sealpost'::regnamespace
      and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p' order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await world.rows<{ n: number }>(`select count(*)::int as n from "${name}"`);
    counts[name] = row?.n ?? -1;
  }
  return counts;
}

async function volley(shots: readonly Shot[]): Promise<string[]> {
  const tokens = {
    alice: await alice.token(),
    operator: await operator.token(),
    garbage: `eyJ${'a'.repeat(300)}.eyJ.x`,
  };
  const answers: string[] = [];
  for (let at = 0; at < shots.length; at += AT_ONCE)
    answers.push(
      ...(await Promise.all(shots.slice(at, at + AT_ONCE).map((one) => fire(one, tokens)))),
    );
  return answers;
}

/** Changes nothing, or says so for each thing it was given. */
const MAY_SUCCEED = /^200 POST \/v1\/(?:inbox\/poll|envelopes|receipts)$/;

describe('whatever comes to a real process', () => {
  it('is answered and never with its own fault; it stays as it was, in memory, in the ledger and alive', async () => {
    const { pid } = exchange;
    const shots = fc.sample(shot, { seed: SEED, numRuns: REQUESTS });
    await volley(shots.slice(0, REQUESTS / 4));
    const before = { rows: await rows(), mib: await rss() };

    const answers = await volley(shots.slice(REQUESTS / 4));

    const faults = answers.filter((answer) => answer.startsWith('5'));
    expect(faults).toEqual([]);
    const done = answers.filter((answer) => /^2\d\d (?!GET)/.test(answer));
    expect(done.filter((answer) => !MAY_SUCCEED.test(answer))).toEqual([]);
    const hit = new Set(answers.map((answer) => answer.split(' ').slice(1, 3).join(' ')));
    expect(hit.size).toBe(routes.length);
    // It got as far as it can: past the parsers, the guard and the validation.
    const statuses = new Set(answers.map((answer) => answer.slice(0, 3)));
    expect([...statuses]).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '415']),
    );
    expect(await rows()).toEqual(before.rows);
    expect((await rss()) - before.mib).toBeLessThan(MORE_MIB);
    expect([exchange.pid, await exchange.isReady()]).toEqual([pid, true]);
    expect(exchange.stderr).toBe('');
  }, 90_000);

  it('is cut off when it is no HTTP, and others are answered as before', async () => {
    const before = { rows: await rows(), mib: await rss() };
    const line = fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'POST /v1/envelopes HTTP/1.1\r\nHost: x\r\n',
      '',
    );
    const bytes = fc.tuple(line, fc.uint8Array({ minLength: 1, maxLength: 400 }));

    for (const [head, rest] of fc.sample(bytes, { seed: SEED, numRuns: RAW_CONNECTIONS }))
      await throwAt(Buffer.concat([Buffer.from(head), rest]));

    expect(await rows()).toEqual(before.rows);
    expect((await rss()) - before.mib).toBeLessThan(MORE_MIB);
    expect(await exchange.isReady()).toBe(true);
    expect(exchange.stderr).toBe('');
  }, 60_000);
});

/** Sends bytes and goes away, as soon as they are answered or at once when they are all sent. */
function throwAt(bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(exchange.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.on('data', (answer) => {
      expect(answer.toString('latin1')).not.toMatch(/^HTTP\/1\.1 5/);
      socket.destroy();
    });
    socket.end(bytes);
  });
}

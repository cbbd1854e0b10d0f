import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REASONS } from '../../src/envelope/index.js';
import { openApiDocument } from '../../src/platform/index.js';
import type { Partner } from '../support/partner.js';
import { type Answered, raw, request, type Wanted } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

/** Planted in whatever is sent: it comes back nowhere. */
const CANARY = 'cAnArY-7f3e';

let world: World;
let alice: Partner;
let operator: Partner;
let routes: readonly Route[];

interface Route {
  readonly name: string;
  readonly method: string;
  /** With every parameter filled in. */
  readonly path: string;
  readonly takesBody: boolean;
}

beforeAll(async () => {
  world = await World.make();
  alice = await world.partner('alice');
  operator = await world.operator();
  routes = routesOf(world);
});
afterAll(() => world.stop());

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

function routesOf(of: World): Route[] {
  return Object.entries(openApiDocument(of.app).paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path: path.replaceAll(/\{[^}]+\}/g, '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11'),
      takesBody: ['post', 'put', 'patch'].includes(method),
    })),
  );
}

/** With the token that the route wants, so that the request gets as far as it can. */
async function ask({ name, method, path }: Route, wanted: Wanted, more = ''): Promise<Answered> {
  return request(world.url, method, path + more, { token: await tokenFor(name), ...wanted });
}

function tokenFor(name: string): Promise<string> {
  const who = /approve|suspend|reactivate|invites/.test(name) ? operator : alice;
  return who.token();
}

/** Bodies of their own: RFC 6749 section 5.2 and RFC 8936 section 2.6. */
function ownCode({ body }: Answered): string | undefined {
  const code = body['error'] ?? body['err'];
  return typeof code === 'string' ? code : undefined;
}

/** What every refusal is, whatever was sent. Answers its code. */
function expectRefusal(answer: Answered, name: string, statuses: readonly number[]): string {
  const { status, headers, text, body } = answer;
  expect(statuses, `${name}: ${status} ${text.slice(0, 300)}`).toContain(status);
  expectFixedHeaders(answer, name);
  expect(text, name).not.toContain(CANARY);
  expect(text, name).not.toMatch(/\bat .+:\d+:\d+|node_modules|\/src\/|\/dist\/|select |insert /);
  const own = ownCode(answer);
  if (own !== undefined) {
    expect(name).toMatch(/oauth|inbox\/poll/);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    return own;
  }
  expect(headers.get('content-type'), name).toMatch(/^application\/problem\+json/);
  const code = String(body['code']);
  expect(Object.keys(REASONS), name).toContain(code);
  expect(body).toMatchObject({
    status,
    title: expect.any(String),
    type: `${ISSUER}/errors#${code}`,
    instance: headers.get('x-request-id'),
  });
  return code;
}

function expectFixedHeaders({ headers }: Answered, name: string): void {
  expect(headers.get('x-content-type-options'), name).toBe('nosniff');
  expect(headers.get('x-frame-options'), name).toBe('DENY');
  expect(headers.get('cache-control'), name).toMatch(/no-store|max-age=60/);
  for (const header of ['server', 'x-powered-by', 'etag', 'set-cookie'])
    expect(headers.get(header), `${name} ${header}`).toBeNull();
  for (const [header] of headers) expect(header).not.toMatch(/^access-control-/);
}

/** Rows of every table: what is refused leaves none behind. */
async function rowCounts(): Promise<Record<string, number>> {
  const tables = await world.rows<{ name: string }>(
    `select c.relname as name from pg_class c where c.relnamespace = 'sealpost'::regnamespace
      and c.relkind in ('r', 'p') and not c.relispartition
        -- budgets are counted whatever comes
        and c.relpersistence = 'p' order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await world.rows<{ n: number }>(`select count(*)::int as n from "${name}"`);
    counts[name] = row?.n ?? -1;
  }
  return counts;
}

async function leavesNothing(work: () => Promise<void>): Promise<void> {
  await Promise.all([alice.token(), operator.token()]);
  const before = await rowCounts();
  expect(Object.keys(before).length).toBeGreaterThan(10);
  await work();
  expect(await rowCounts()).toEqual(before);
}

/** Every route that takes a body, but for the token endpoint, whose bodies are forms. */
const jsonRoutes = (): readonly Route[] =>
  routes.filter(({ takesBody, path }) => takesBody && path !== '/oauth/token');

/** Routes whose path says all: they do not look into a body. */
const NO_BODY = /\/(?:suspend|reactivate|retire|enable|retry|refresh)$/;

describe('every route', () => {
  it('is in the document of which these tests go through all', () => {
    expect(routes.length).toBeGreaterThan(30);
    expect(jsonRoutes().length).toBeGreaterThan(12);
  });

  it.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'text/json', 'x'])(
    'refuses the content type %s',
    async (type) => {
      await leavesNothing(async () => {
        for (const route of routes.filter(({ takesBody }) => takesBody)) {
          const answer = await ask(route, { text: CANARY, type });
          const code = expectRefusal(answer, route.name, [415]);
          expect(code, route.name).toBe('unsupported_media_type');
        }
      });
    },
  );

  it.each([
    ['content-encoding', 'gzip'],
    ['content-encoding', 'identity'],
    ['content-type', 'application/json; charset=utf-16'],
    ['content-type', 'application/json; charset=latin1'],
  ])('refuses %s: %s', async (header, value) => {
    await leavesNothing(async () => {
      for (const route of routes.filter(({ takesBody }) => takesBody)) {
        const answer = await ask(route, { json: {}, headers: { [header]: value } });
        expectRefusal(answer, route.name, [415]);
      }
    });
  });

  it('answers 405 to a method it does not take, and says which it does', async () => {
    await leavesNothing(async () => {
      for (const path of new Set(routes.map((route) => route.path))) {
        const own = routes.filter((route) => route.path === path).map(({ method }) => method);
        for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS']) {
          if (own.includes(method)) continue;
          const answer = await ask({ name: path, method, path, takesBody: false }, {});
          expectRefusal(answer, `${method} ${path}`, [405]);
          expect(answer.headers.get('allow')?.split(', ').toSorted(), path).toEqual(own.toSorted());
        }
      }
    });
  });

  it('does nothing on HEAD, and has no body for it', async () => {
    await leavesNothing(async () => {
      for (const { path } of routes) {
        const answer = await request(world.url, 'HEAD', path, { token: await alice.token() });
        expect([path, answer.status, answer.text]).toEqual([path, 405, '']);
      }
    });
  });

  it('tells no browser of another origin that it may ask', async () => {
    for (const { path, method, name } of routes) {
      const origin = 'https://evil.example';
      const preflight = await request(world.url, 'OPTIONS', path, {
        headers: { origin, 'access-control-request-method': method },
      });
      expectRefusal(preflight, name, [405]);
      const asked = await request(world.url, method, path, { headers: { origin: 'null' } });
      expectFixedHeaders(asked, name);
    }
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ['an empty body', ''],
    ['half an object', `{"${CANARY}":`],
    ['NaN', '{"a":NaN}'],
    ['a comment', `{"a":1} // ${CANARY}`],
    ['single quotes', `{'${CANARY}':1}`],
    ['a trailing comma', '{"a":1,}'],
    ['two values', '{} {}'],
    ['a duplicate member', `{"${CANARY}":1,"${CANARY}":1}`],
    ['a duplicate member, once escaped', '{"id":"a","\\u0069d":"a"}'],
    ['a byte order mark', '\ufeff{}'],
    ['__proto__', `{"__proto__":{"${CANARY}":1}}`],
    ['__proto__, escaped', '{"\\u005f_proto__":{}}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"admin":true}}}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['a NUL', '{"a":"\u0000"}'],
    ['a number that is infinite', '{"a":1e400}'],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['deep lists', '['.repeat(5_000) + ']'.repeat(5_000)],
    ['deep objects', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
    ['a list', `["${CANARY}"]`],
    ['a text', `"${CANARY}"`],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
  ])('refuses %s as its JSON', async (_, text) => {
    await leavesNothing(async () => {
      for (const route of jsonRoutes()) {
        const answer = await ask(route, { text, type: 'application/json' });
        const code = expectRefusal(answer, route.name, [400]);
        expect(code, route.name).toMatch(/^(?:validation_failed|invalid_request)$/);
      }
    });
  });

  it('refuses members that it does not know, but for the poll, whose RFC says otherwise', async () => {
    await leavesNothing(async () => {
      for (const route of jsonRoutes()) {
        if (route.path === '/v1/inbox/poll' || NO_BODY.test(route.path)) continue;
        const answer = await ask(route, { json: { [CANARY.toLowerCase()]: 1 } });
        expect(answer.status, `${route.name} ${answer.text}`).toBe(400);
        expect(answer.body['code'], route.name).toBe('validation_failed');
      }
      const poll = await alice.poll({ returnImmediately: true, more: 1 } as object);
      expect(poll.sets).toEqual({});
    });
  });

  it('refuses a body that is too large, by its length or by its chunks', async () => {
    const large = JSON.stringify({ a: 'x'.repeat(17 * 1_048_576) });
    await leavesNothing(async () => {
      for (const route of jsonRoutes()) {
        const token = await tokenFor(route.name);
        const head = `${route.method} ${route.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
        const declared = await raw(world.url, `${head}Content-Length: ${large.length}\r\n\r\n{`);
        expectRefusal(declared, route.name, [413]);
      }
      for (const type of ['application/jwt', 'application/x-www-form-urlencoded']) {
        const path = type.endsWith('jwt') ? '/v1/envelopes' : '/oauth/token';
        const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`;
        const chunk = `${(1_100_000).toString(16)}\r\n${'x'.repeat(1_100_000)}\r\n0\r\n\r\n`;
        const chunked = await raw(world.url, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`);
        expectRefusal(chunked, path, [413]);
      }
    });
  });

  it('refuses a query that it does not take', async () => {
    await leavesNothing(async () => {
      for (const route of routes.filter(({ path }) => /^\/v1\/[a-z]+$/.test(path))) {
        if (route.method !== 'GET') continue;
        const answer = await ask(route, {}, `?${CANARY}=${CANARY}`);
        // The name of a member may be named; its value may not.
        expect([answer.status, answer.body['code']], route.name).toEqual([
          400,
          'validation_failed',
        ]);
      }
    });
  });
});

describe('a path', () => {
  it.each([
    '/',
    '/v1',
    '/v2/partners',
    '/.env',
    '/.git/config',
    '/debug',
    '/queues',
    '/admin',
    '/health',
    '/health/details',
    '/v1/inbox',
    '/v1/envelopes/a/b/c',
    `/${CANARY}`,
    '/v1/partners/..%2foperator',
    '/docs/../../package.json',
    '/docs/..%2f..%2fpackage.json',
    '/docs/swagger-ui-dist/package.json',
  ])('like %s is not there', async (path) => {
    for (const method of ['GET', 'POST']) {
      const answer = await raw(
        world.url,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      );
      expectRefusal(answer, `${method} ${path}`, [400, 401, 404, 405]);
    }
  });

  it.each(['%zz', '%', '%00', 'a%00b', '%ff', '%c0%af', '%e0%80%80'])(
    'with %s in it is refused',
    async (text) => {
      await leavesNothing(async () => {
        for (const path of ['/v1/partners/', '/v1/grants/', '/v1/endpoints/', '/v1/envelopes/']) {
          const token = await alice.token();
          const bytes = `GET ${path}${text} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
          const answer = await raw(world.url, bytes);
          expect([400, 404], `${path}${text} ${answer.text}`).toContain(answer.status);
          expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
          expect(Object.keys(REASONS)).toContain(answer.body['code']);
          expectFixedHeaders(answer, path);
          if (answer.body['code'] === 'validation_failed')
            expect(answer.body['type']).toBe(`${ISSUER}/errors#validation_failed`);
        }
      });
    },
  );

  it.each([401, 1_000, 10_000])('with a parameter of %d characters is refused', async (length) => {
    await leavesNothing(async () => {
      for (const route of routes.filter(({ path }) => path.includes('0199f3a0'))) {
        const path = route.path.replace(/0199f3a0[^/]*/, 'a'.repeat(length));
        const answer = await ask({ ...route, path }, route.takesBody ? { json: {} } : {});
        expectRefusal(answer, route.name, [400, 404]);
      }
    });
  });

  it('may be followed by a long query, which is refused where it says anything', async () => {
    const answer = await ask(
      { name: 'GET /v1/keys', method: 'GET', path: '/v1/keys', takesBody: false },
      {},
      `?after=${'a'.repeat(10_000)}`,
    );

    expectRefusal(answer, 'keys', [400, 414]);
  });
});

describe('a request', () => {
  const get = (lines: string) =>
    raw(world.url, `GET /health/live HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);

  it('with two Host headers is refused', async () => {
    const answer = await get('Host: a\r\nHost: b\r\n');

    expect(expectRefusal(answer, 'hosts', [400])).toBe('validation_failed');
  });

  it.each([
    ['no Host', ''],
    ['a folded header', 'Host: a\r\n b\r\n'],
    ['a space before the colon', 'Host : a\r\n'],
    ['a length and chunks', 'Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n'],
    ['an unknown coding', 'Host: a\r\nTransfer-Encoding: xchunked\r\n'],
    ['two lengths', 'Host: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n'],
    ['a header of 20 KB', `Host: a\r\nX-Long: ${'a'.repeat(20_000)}\r\n`],
    ['2,000 headers', `Host: a\r\n${'X: 1\r\n'.repeat(2_000)}`],
  ])('with %s is refused before any route', async (_, lines) => {
    const answer = await get(lines);

    expect([400, 431]).toContain(answer.status);
    expect(answer.text).not.toMatch(/ok|\bat .+:\d+/);
  });

  it('by GET or DELETE has no use for a body', async () => {
    await leavesNothing(async () => {
      for (const route of routes.filter(({ takesBody }) => !takesBody)) {
        const token = await tokenFor(route.name);
        const bytes = `${route.method} ${route.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: text/plain\r\nContent-Length: ${CANARY.length}\r\nConnection: close\r\n\r\n${CANARY}`;
        const answer = await raw(world.url, bytes);
        expect(answer.status, `${route.name} ${answer.text}`).toBeLessThan(500);
        expectFixedHeaders(answer, route.name);
      }
    });
  });
});

describe('whatever JSON comes', () => {
  const SEED = 20_300_101;

  it('is answered, never with our fault, never with what was sent, and leaves nothing', async () => {
    const members = fc.constantFrom(...MEMBERS);
    const leaf = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(CANARY, '', 'alice', '__proto__', '\u0000', '9'.repeat(400), '\u202e'),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(members, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const body = fc.dictionary(members, tree, { minKeys: 1, maxKeys: 6 });
    // A poll, an approval and the like are fine with what they find; here nothing may come of anything.
    const which = fc.constantFrom(...jsonRoutes().filter(({ path }) => !path.endsWith('/poll')));

    await leavesNothing(async () => {
      await fc.assert(
        fc.asyncProperty(which, body, async (route, json) => {
          const answer = await ask(route, { json });
          expectRefusal(answer, route.name, [400, 401, 403, 404, 409, 413, 422, 429]);
        }),
        { seed: SEED, numRuns: 400, interruptAfterTimeLimit: 5_000 },
      );
    });
  });

  it('in a poll is answered in the words of its RFC', async () => {
    const odd = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(CANARY, -1, 1e300, '\u0000'),
    );
    const poll = fc.record({ maxEvents: odd, ack: odd, setErrs: odd }, { requiredKeys: [] });
    await leavesNothing(async () => {
      await fc.assert(
        fc.asyncProperty(poll, async (json) => {
          const answer = await request(world.url, 'POST', '/v1/inbox/poll', {
            token: await alice.token(),
            json: { ...json, returnImmediately: true },
          });
          if (answer.status !== 200) expectRefusal(answer, 'POST /v1/inbox/poll', [400]);
        }),
        { seed: SEED, numRuns: 150, interruptAfterTimeLimit: 3_000 },
      );
    });
  });
});

/** Of all bodies that any route takes. */
const MEMBERS = (
  'id name contact jwks keys proofs statements invite jwk kty proof statement types sealedOnly url ' +
  'senders format challenge envelopes maxEvents returnImmediately ack setErrs reason since ' +
  'registrationId rs256 expiresInSeconds from to receipts err'
).split(' ');

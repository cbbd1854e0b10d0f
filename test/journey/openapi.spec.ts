import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REASONS } from '../../src/envelope/index.js';
import { freePort } from '../support/services.js';
import { until } from '../support/until.js';
import { request } from '../support/wire.js';
import { World } from '../support/world.js';

interface Schema {
  readonly $ref?: string;
  readonly [member: string]: unknown;
}
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly tags?: string[];
  readonly summary?: string;
  readonly description?: string;
  readonly operationId?: string;
  readonly security?: Record<string, unknown>[];
  readonly requestBody?: { content: Record<string, { schema?: Schema; examples?: object }> };
  readonly responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, Schema>;
    readonly securitySchemes: Record<string, object>;
  };
}

let world: World;
let url: string;
let stop: () => Promise<void>;
let document: Document;
let operations: Operation[];

// The plugin that reads comments runs in the build alone, so this is the service as it is built.
beforeAll(async () => {
  if (!existsSync('dist/main.js')) throw new Error('run "npm run build" first');
  world = await World.bare();
  const port = await freePort();
  const child = spawn(process.execPath, ['dist/main.js'], {
    env: { ...world.env, PORT: String(port), ROLES: 'api', PATH: process.env['PATH'] },
    stdio: 'ignore',
  });
  url = `http://127.0.0.1:${port}`;
  stop = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
    await world.stop();
  };
  const text = await until('the service answers', async () => {
    if (child.exitCode !== null) throw new Error('the service did not start');
    const answer = await request(url, 'GET', '/openapi.json').catch(() => undefined);
    return answer?.status === 200 && answer.text;
  });
  document = JSON.parse(text) as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, method, path })),
  );
});
afterAll(() => stop());

const nameOf = ({ method, path }: Operation): string => `${method.toUpperCase()} ${path}`;

/** Names of the operations of which something does not hold. */
function those(holds: (operation: Operation) => boolean): string[] {
  return operations.filter((operation) => !holds(operation)).map(nameOf);
}

describe('the OpenAPI document', () => {
  it('is OpenAPI 3.1 with all routes', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(operations.length).toBeGreaterThan(30);
  });

  it('gives every route a tag, a short headline of one line, and a name of its own', () => {
    expect(those(({ tags }) => tags?.length === 1)).toEqual([]);
    expect(those(({ summary = '' }) => /^[^\n]{5,100}[^\s.\n]$/.test(summary))).toEqual([]);
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has the whole of a long comment, its rest as the description', () => {
    const send = operations.find((one) => nameOf(one) === 'POST /v1/envelopes');

    expect(send?.summary).toBe('Send one envelope, or a batch');
    expect(send?.description).toMatch(/^As `application\/jwt` the body is one envelope/);
  });

  it('names every code of the table somewhere, and every code it names is of the table', () => {
    const { Problem: _listsThemAll, ...schemas } = document.components.schemas;
    const text = JSON.stringify({ ...document, components: { schemas } });
    const named = [...text.matchAll(/"code":"([a-z_]+)"/g)].map(([, code = '']) => code);

    const codes = Object.keys(REASONS);
    expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
    expect(named.filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('gives every response a schema, except those without a body', () => {
    const without = operations.flatMap((operation) =>
      Object.entries(operation.responses)
        .filter(([status, { content }]) => status !== '204' && !hasSchema(content))
        .map(([status]) => `${nameOf(operation)} ${status}`),
    );

    expect(without).toEqual([]);
  });

  it('refers to schemas that are there', () => {
    const refs = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];

    expect(refs.length).toBeGreaterThan(50);
    for (const [, name = ''] of refs)
      expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('says what a caller without right, or with a body that cannot be read, is told', () => {
    const guarded = operations.filter(({ security }) => security !== undefined);

    for (const { responses } of guarded) expect(Object.keys(responses)).toContain('401');
    for (const { responses, requestBody } of operations)
      if (requestBody !== undefined)
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '413', '415']));
  });

  it('asks for a token on exactly the routes that are closed', async () => {
    const closed: string[] = [];
    for (const { method, path } of operations) {
      const { status } = await request(url, method.toUpperCase(), path.replaceAll(/\{.+?\}/g, 'x'));
      if (status === 401) closed.push(`${method} ${path}`);
    }

    const secured = operations.filter(({ security }) =>
      security?.some((scheme) => 'token' in scheme),
    );
    expect(secured.map(({ method, path }) => `${method} ${path}`)).toEqual(closed);
    expect(document.components.securitySchemes).toMatchObject({ token: { scheme: 'bearer' } });
  });

  it('shows nothing that could be a secret in its examples', () => {
    expect(JSON.stringify(document)).not.toMatch(/"(?:d|p|q|dp|dq|qi|k)":"[A-Za-z0-9_-]{20,}"/);
  });
});

describe('“Try it out” without a token', () => {
  it('registers with an example that is refused as what it is: not proved', async () => {
    const register = operations.find((one) => nameOf(one) === 'POST /v1/partners');
    const [example] = Object.values(
      (register?.requestBody?.content['application/json']?.examples ?? {}) as Record<
        string,
        { value: unknown }
      >,
    );

    const answer = await request(url, 'POST', '/v1/partners', { json: example?.value });

    expect(answer).toMatchObject({ status: 422, body: { code: 'proof_invalid' } });
  });

  it.each([
    '/.well-known/sealpost',
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/health/live',
    '/health/ready',
  ])('gets %s with the members that the document says', async (path) => {
    const operation = document.paths[path]?.['get'];
    const [media] = Object.values(operation?.responses['200']?.content ?? {});
    const schema = schemaOf(media?.schema);

    const { status, body } = await request(url, 'GET', path);

    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(expect.arrayContaining(schema['required'] as string[]));
    for (const member of Object.keys(body)) expect(schema['properties']).toHaveProperty([member]);
  });
});

describe('/docs', () => {
  it('is served with all it needs by the exchange itself', async () => {
    const page = await request(url, 'GET', '/docs');
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);

    expect(page.status).toBe(200);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const target = new URL(link, `${url}/docs`);
      expect(target.origin).toBe(url);
      expect((await request(url, 'GET', target.pathname)).status, link).toBe(200);
    }
    expect(page.text).not.toMatch(
      /https?:\/\/(?!127\.0\.0\.1|localhost)[a-z0-9.-]+\/[^"'\s]+\.(?:js|css)/,
    );
  });

  it('has the headers of every other answer', async () => {
    const { headers } = await request(url, 'GET', '/docs');

    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
  });
});

function hasSchema(content: Record<string, { schema?: Schema }> = {}): boolean {
  const media = Object.values(content);
  return media.length > 0 && media.every(({ schema }) => schema !== undefined);
}

function schemaOf(schema: Schema = {}): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

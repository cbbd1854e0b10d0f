import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Partner } from '../support/partner.js';
import { claimsOf } from '../support/receiver.js';
import { World } from '../support/world.js';

const run = promisify(execFile);
const DOCS = resolve('docs/other-languages.md');
/** Debian's own Python: the one that its python3-* packages are for. */
const PYTHON = '/usr/bin/python3';

interface Client {
  readonly name: string;
  readonly alg: string;
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly there: () => boolean;
}

const python = (module: string, alg: string): Client => ({
  name: module,
  alg,
  program: [PYTHON, 'partner.py'],
  env: { SEALPOST_WITH: `signing_${module}`, SEALPOST_ALG: alg },
  there: () => works(PYTHON, ['-c', `import ${module === 'pyjwt' ? 'jwt' : module}`]),
});

const CLIENTS: readonly Client[] = [
  python('jwcrypto', 'ES256'),
  python('jwcrypto', 'PS256'),
  python('jwcrypto', 'EdDSA'),
  python('pyjwt', 'ES256'),
  python('pyjwt', 'EdDSA'),
  {
    name: 'jose',
    alg: 'ES256',
    program: ['sh', 'partner.sh'],
    env: {},
    there: () =>
      works('jose', ['alg']) && works('jq', ['--version']) && works('curl', ['--version']),
  },
];

function works(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

const missing = CLIENTS.filter((client) => !client.there()).map((client) => client.name);
if (missing.length > 0) {
  const names = [...new Set(missing)].join(', ');
  if (process.env['REQUIRE_ALL'] === '1') throw new Error(`required with REQUIRE_ALL=1: ${names}`);
  process.stdout.write(`Skipped: interop with ${names} (not installed)\n`);
}

describe('partners in other languages, as docs/other-languages.md shows them', () => {
  let world: World;
  let home: Partner;
  let dir: string;

  beforeAll(async () => {
    world = await World.make();
    // Every library here knows ES256; most are older than the name Ed25519 (RFC 9864).
    home = await world.partner('home', { alg: 'ES256' });
    dir = await mkdtemp(join(tmpdir(), 'sealpost-interop-'));
    const page = await readFile(DOCS, 'utf8');
    for (const [, file = '', text = ''] of page.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms))
      await writeFile(join(dir, file), text);
    await symlink(resolve('node_modules'), join(dir, 'node_modules'));
  });
  afterAll(async () => {
    await world.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const as = async (client: Client, id: string, ...args: string[]): Promise<string> => {
    const [program = '', ...first] = client.program;
    const { stdout } = await run(program, [...first, ...args], {
      cwd: dir,
      timeout: 30_000,
      env: { PATH: process.env['PATH'], SEALPOST_URL: world.url, SEALPOST_ID: id, ...client.env },
    });
    return stdout.trim();
  };

  const onboard = async (client: Client): Promise<string> => {
    const id = `${client.name}-${client.alg.toLowerCase()}`;
    expect(await as(client, id, 'register')).toBe('pending');
    const operator = await world.operator();
    await operator.call('POST', `/v1/partners/${id}/approve`);
    return id;
  };

  for (const client of CLIENTS)
    it.skipIf(missing.includes(client.name))(
      `${client.name} with ${client.alg} onboards, sends, receives, and verifies envelopes and receipts`,
      async () => {
        const id = await onboard(client);
        const partner = { id } as Partner;
        await home.allow(partner);
        await as(client, id, 'grant', 'home', '*');

        const sent = await as(client, id, 'send', 'home', 'greeting.sent', '{"says":"hello"}');
        await home.sends(partner, { type: 'greeting.answered', data: { says: 'héllo' } });
        const received = await as(client, id, 'receive');

        expect(sent).toMatch(/^accepted [0-9a-f-]{36}$/);
        const { sets } = await home.poll({ returnImmediately: true });
        expect(Object.values(sets).map((envelope) => claimsOf(envelope))).toMatchObject([
          { iss: id, aud: 'home', type: 'greeting.sent', data: { says: 'hello' } },
        ]);
        await home.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
        expect(received.replaceAll(' ', '')).toMatch(
          /^homegreeting\.answered\{"says":"h(?:é|\\u00e9)llo"\}$/,
        );
        expect(await as(client, id, 'receive')).toBe('');
      },
    );

  it('a stock OAuth client gets its token unchanged', async () => {
    const es256 = await world.partner('oauth-client', { alg: 'ES256' });
    await writeFile(join(dir, 'oauth-client.jwk'), JSON.stringify(es256.keys[0]));

    const { stdout } = await run(process.execPath, ['token.mjs'], {
      cwd: dir,
      timeout: 30_000,
      env: { PATH: process.env['PATH'], SEALPOST_URL: world.url, SEALPOST_ID: 'oauth-client' },
    });

    expect(stdout.trim()).toBe('https://exchange.test partner true');
  });
});

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  admitKey,
  generateKey,
  OpeningKey,
  parseToken,
  seal,
  type SealAlg,
  type SignAlg,
  SigningKey,
  VerificationKey,
  verifySignature,
} from '../../src/crypto/index.js';
import { type PartnerId, TYP } from '../../src/envelope/index.js';

const run = promisify(execFile);
const DOCS = resolve('docs/other-languages.md');
const PYTHON = '/usr/bin/python3';

const SIGN: readonly SignAlg[] = ['ES256', 'PS256', 'EdDSA'];
const SEAL = [
  { name: 'P-256', alg: 'ECDH-ES+A256KW', crv: 'P-256' },
  { name: 'X25519', alg: 'ECDH-ES+A256KW', crv: 'X25519' },
  { name: 'RSA-OAEP-256', alg: 'RSA-OAEP-256' },
] as const satisfies readonly { name: string; alg: SealAlg; crv?: 'P-256' | 'X25519' }[];

interface Tool {
  readonly name: string;
  readonly command: readonly string[];
  readonly there: () => boolean;
  /** What the tool itself cannot do. */
  readonly lacks: ReadonlySet<string>;
}

const works = (program: string, args: readonly string[], env = {}): boolean =>
  spawnSync(program, args, { env: { ...process.env, ...env } }).status === 0;

const GO_ENV = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };
const TOOLS: readonly Tool[] = [
  {
    name: 'jwcrypto',
    command: [PYTHON, 'sealed.py'],
    there: () => works(PYTHON, ['-c', 'import jwcrypto']),
    lacks: new Set(),
  },
  {
    name: 'jose',
    command: ['sh', 'sealed.sh'],
    there: () => works('jose', ['alg']) && works('jq', ['--version']),
    lacks: new Set(['EdDSA', 'X25519', 'RSA-OAEP-256']),
  },
  {
    name: 'go-jose',
    command: ['./sealed-go'],
    there: () => works('go', ['list', 'gopkg.in/square/go-jose.v2'], GO_ENV),
    lacks: new Set(['X25519']),
  },
];

const missing = new Set(TOOLS.filter((tool) => !tool.there()).map((tool) => tool.name));
if (missing.size > 0) {
  const names = [...missing].join(', ');
  if (process.env['REQUIRE_ALL'] === '1') throw new Error(`required with REQUIRE_ALL=1: ${names}`);
  process.stdout.write(`Skipped: sealed interop with ${names} (not installed)\n`);
}

describe('sealed content with other programs, as docs/other-languages.md shows them', () => {
  let dir: string;
  let page: string;
  const keys = new Map<string, { privateJwk: Record<string, unknown>; publicJwk: object }>();

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-sealed-'));
    page = await readFile(DOCS, 'utf8');
    for (const [, file = '', text = ''] of page.matchAll(/^```\w+ file=(sealed\S+)\n(.*?)^```$/gms))
      await writeFile(join(dir, file), text);
    if (!missing.has('go-jose'))
      await run('go', ['build', '-o', 'sealed-go', 'sealed.go'], {
        cwd: dir,
        env: { ...process.env, ...GO_ENV, GOCACHE: join(dir, 'cache') },
      });
    for (const alg of SIGN) await keep(alg, await generateKey('sig', alg));
    for (const { name, alg, ...options } of SEAL)
      await keep(name, await generateKey('enc', alg, options));
  }, 180_000);
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const keep = async (
    name: string,
    key: { privateJwk: Record<string, unknown>; publicJwk: object },
  ): Promise<void> => {
    keys.set(name, key);
    await writeFile(join(dir, `${name}.private.jwk`), JSON.stringify(key.privateJwk));
    await writeFile(join(dir, `${name}.public.jwk`), JSON.stringify(key.publicJwk));
  };

  const tool = async (
    { command }: Tool,
    args: readonly string[],
    input: string,
  ): Promise<string> => {
    const [program = '', ...first] = command;
    const running = run(program, [...first, ...args], { cwd: dir, timeout: 20_000 });
    running.child.stdin?.end(input);
    return (await running).stdout.trim();
  };

  const claims = { iss: 'acme', aud: 'globex', jti: 'm-1', type: 'invoice.created', data: 'héllo' };
  const replicated = { iss: 'acme' as PartnerId, aud: 'globex' as PartnerId, jti: 'm-1' };

  const sealedByUs = async (sign: string, sealKey: string): Promise<string> => {
    const signer = await SigningKey.import(keys.get(sign)?.privateJwk);
    const to = await admitKey(keys.get(sealKey)?.publicJwk, { allowRs256: false });
    return seal(await signer.sign(TYP.message, claims), { to, replicated });
  };

  const openedByUs = async (sealed: string, sign: string, sealKey: string): Promise<unknown> => {
    const opening = await OpeningKey.import(keys.get(sealKey)?.privateJwk);
    const { header, plaintext } = await opening.open(sealed);
    expect({ iss: header.iss, aud: header.aud, jti: header.jti }).toEqual(replicated);
    const message = parseToken(plaintext, { typ: TYP.message, maxBytes: 16_384 });
    const { jwk, jkt } = await admitKey(keys.get(sign)?.publicJwk, { allowRs256: false });
    await verifySignature(message, await VerificationKey.import(jwk, jkt));
    return message.payload;
  };

  for (const one of TOOLS)
    for (const sign of SIGN)
      for (const { name: sealKey } of SEAL) {
        if (one.lacks.has(sign) || one.lacks.has(sealKey)) continue;
        it.skipIf(missing.has(one.name))(
          `${one.name}: ${sign} sealed to ${sealKey}, both ways`,
          async () => {
            const ours = await sealedByUs(sign, sealKey);
            const keysToOpen = [`${sealKey}.private.jwk`, `${sign}.public.jwk`];
            expect(JSON.parse(await tool(one, ['open', ...keysToOpen], ours))).toEqual(claims);

            const keysToSeal = [`${sign}.private.jwk`, `${sealKey}.public.jwk`];
            const theirs = await tool(one, ['seal', ...keysToSeal], JSON.stringify(claims));
            expect(await openedByUs(theirs, sign, sealKey)).toEqual(claims);
          },
        );
      }

  it('docs/other-languages.md has the table of what was tried', () => {
    const rows = SIGN.flatMap((sign) =>
      SEAL.map(({ name }) => {
        const cells = TOOLS.map(({ lacks }) => (lacks.has(sign) || lacks.has(name) ? '–' : 'both'));
        return `| ${sign} | ${name} | ${cells.join(' | ')} |`;
      }),
    );
    const head = `| signed | sealed to | ${TOOLS.map(({ name }) => name).join(' | ')} |`;
    const table = [head, '|---|---|---|---|---|', ...rows].join('\n');
    const kept = /<!-- matrix: begin -->\n+(.*?)\n+<!-- matrix: end -->/s.exec(page)?.[1] ?? '';
    expect(
      kept
        .replaceAll(/ *\| */g, '|')
        .replaceAll(/-+/g, '-')
        .trim(),
    ).toBe(table.replaceAll(/ *\| */g, '|').replaceAll(/-+/g, '-'));
  });
});

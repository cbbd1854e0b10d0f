import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateKey, parseToken, SigningKey, verifySignature } from '../crypto/index.js';
import { isKeyId, type KeyId, TYP } from '../envelope/index.js';
import {
  Clock,
  Database,
  Log,
  readSettings,
  type Settings,
  SystemClock,
} from '../platform/index.js';
import { ExchangeKeys } from './exchange-keys.js';
import { OperatorKeys } from './operator-keys.js';

const MINUTE_MS = 60_000;
const log = new Log('silent');
let dir: string;
let database: Database;
let clock: FrozenClock;

class FrozenClock extends Clock {
  #at = new Date('2030-01-01T00:00:00Z');

  override now(): Date {
    return this.#at;
  }

  advance(ms: number): void {
    this.#at = new Date(this.#at.getTime() + ms);
  }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sealpost-keys-'));
  const settings = readSettings({ DATA_DIR: join(dir, 'ledger'), LOG_LEVEL: 'silent' });
  database = await Database.open(settings, new SystemClock(), log);
}, 60_000);

afterAll(async () => {
  await database.onApplicationShutdown();
  await rm(dir, { recursive: true, force: true });
});

let fresh = 0;
let dataDir: string;

beforeEach(() => {
  fresh += 1;
  dataDir = join(dir, `world-${fresh}`);
  clock = new FrozenClock();
});

const embedded = (more: Record<string, string> = {}): Settings =>
  readSettings({ DATA_DIR: dataDir, ...more });

function open(settings: Settings, withLog = log): Promise<ExchangeKeys> {
  return ExchangeKeys.open(settings, database, clock, withLog);
}

async function setOf(...algs: ('ES256' | 'Ed25519' | 'EdDSA')[]): Promise<{ keys: object[] }> {
  const keys = await Promise.all(algs.map((alg) => generateKey('sig', alg)));
  return { keys: keys.map((one) => one.privateJwk) };
}

function kidOf(token: string): KeyId {
  return parseToken(token, { typ: [TYP.receipt, 'hop+jwt'], maxBytes: 4096 }).header.kid;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

describe('ExchangeKeys on the embedded default', () => {
  it('makes its keys once, for its owner alone, and leaves nothing else behind', async () => {
    const first = await open(embedded());
    const again = await open(embedded());

    const path = join(dataDir, 'exchange.jwks.json');
    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(dataDir)).toBe(0o700);
    expect(await readdir(dataDir)).toEqual(['exchange.jwks.json']);
    expect(kidOf(await again.sign(TYP.receipt, {}))).toBe(kidOf(await first.sign(TYP.receipt, {})));
  });

  it('warns when others may read the file', async () => {
    await open(embedded());
    await chmod(join(dataDir, 'exchange.jwks.json'), 0o644);
    const watched = new Log('silent');
    const warn = vi.spyOn(watched, 'warn');

    await open(embedded(), watched);

    expect(warn).toHaveBeenCalledWith(expect.stringContaining('chmod 600'), 'ExchangeKeys');
  });

  it('signs statements by ES256 and hops by Ed25519, and finds its keys', async () => {
    const keys = await open(embedded());
    await keys.selfTest();

    for (const token of [
      await keys.sign(TYP.receipt, { a: 1 }),
      await keys.signHop('hop+jwt', {}),
    ]) {
      const parsed = parseToken(token, { typ: [TYP.receipt, 'hop+jwt'], maxBytes: 4096 });
      const key = await keys.find(parsed.header.kid);
      expect(key?.alg).toBe(parsed.header.typ === TYP.receipt ? 'ES256' : 'Ed25519');
      if (key !== undefined) await verifySignature(parsed, key);
    }
  });

  it('publishes every key it ever signed with, public members and nbf only', async () => {
    const old = kidOf(await (await open(embedded())).sign(TYP.receipt, {}));
    await rm(join(dataDir, 'exchange.jwks.json'));
    clock.advance(MINUTE_MS);

    const { keys } = await (await open(embedded())).published();

    expect(keys).toContainEqual(
      expect.objectContaining({ kid: old, use: 'sig', alg: 'ES256', nbf: 1_893_456_000 }),
    );
    expect(keys.flatMap((key) => Object.keys(key))).not.toContain('d');
    expect(new Set(keys.map((key) => Reflect.get(key, 'kid'))).size).toBe(keys.length);
  });
});

describe('ExchangeKeys by EXCHANGE_JWKS', () => {
  it('takes JSON or a file, and the first of each kind signs', async () => {
    const set = await setOf('EdDSA', 'ES256', 'ES256');
    await writeFile(join(dir, 'given.json'), JSON.stringify(set), { mode: 0o600 });

    const byText = await open(embedded({ EXCHANGE_JWKS: JSON.stringify(set) }));
    const byFile = await open(embedded({ EXCHANGE_JWKS: join(dir, 'given.json') }));

    const kid: unknown = Reflect.get(set.keys[1] ?? {}, 'kid');
    expect(kidOf(await byText.sign(TYP.receipt, {}))).toBe(kid);
    expect(kidOf(await byFile.sign(TYP.receipt, {}))).toBe(kid);
  });

  it('stops the start with one line that names the setting and shows no key', async () => {
    const [both, { keys: one }] = [await setOf('ES256', 'Ed25519'), await setOf('ES256')];
    const [ec, okp] = both.keys;
    const secret = String(Reflect.get(ec ?? {}, 'd'));
    const { d: _, ...noPrivate } = { d: '', ...ec };
    const faulty: [string, RegExp][] = [
      [join(dir, 'none.json'), /cannot be read \(ENOENT\)/],
      [dir, /cannot be read \(EISDIR\)/],
      ['{"keys":[', /not strict JSON \(syntax\)/],
      ['{}', /must be a JWK Set/],
      ['{"keys":[]}', /must be a JWK Set/],
      [JSON.stringify({ keys: one }), /no Ed25519 key/],
      [JSON.stringify({ keys: [okp] }), /no ES256 key/],
      [JSON.stringify({ keys: [ec, okp, ec] }), /keys\[2\]: .*twice/],
      [JSON.stringify({ keys: [noPrivate, okp] }), /keys\[0\]: /],
      [JSON.stringify({ keys: [{ ...ec, use: 'enc' }, okp] }), /keys\[0\]: /],
      [JSON.stringify({ keys: [{ kty: 'oct', k: 'x'.repeat(43) }, okp] }), /keys\[0\]: /],
    ];

    for (const [value, says] of faulty) {
      const fault: unknown = await open(embedded({ EXCHANGE_JWKS: value })).catch(
        (e: unknown) => e,
      );
      const message = fault instanceof Error ? fault.message : '';
      expect(message).toMatch(/^EXCHANGE_JWKS: [^\n]+$/);
      expect(message).toMatch(says);
      expect(message).not.toContain(secret);
    }
  });

  it('refuses a kid that stood for another key before', async () => {
    const kid = 'same-kid';
    if (!isKeyId(kid)) throw new Error(kid);
    const [first, second] = [
      await generateKey('sig', 'ES256', { kid }),
      await generateKey('sig', 'ES256', { kid }),
    ];
    const [hop] = (await setOf('Ed25519')).keys;
    const withSigner = (key: object): Settings =>
      embedded({ EXCHANGE_JWKS: JSON.stringify({ keys: [key, hop] }) });
    await open(withSigner(first.privateJwk));

    await expect(open(withSigner(second.privateJwk))).rejects.toThrow(
      /same-kid stood for another key/,
    );
  });
});

describe('find', () => {
  it('finds a key of another process while that has it in service, and not for long after', async () => {
    const other = await open(embedded());
    const kid = kidOf(await other.sign(TYP.receipt, {}));
    const mine = await open(
      embedded({ EXCHANGE_JWKS: JSON.stringify(await setOf('ES256', 'Ed25519')) }),
    );
    expect(await mine.find(kid)).toBeDefined();

    clock.advance(16 * MINUTE_MS);
    expect(await mine.find(kid)).toBeUndefined();

    await other.sign(TYP.receipt, {});
    await vi.waitFor(async () => expect(await mine.find(kid)).toBeDefined());
  });
});

function operatorOf(...keys: object[]): Promise<OperatorKeys> {
  return OperatorKeys.open(embedded({ OPERATOR_JWKS: JSON.stringify({ keys }) }), log);
}

describe('OperatorKeys', () => {
  it('makes operator.jwk on the embedded default, for its owner alone', async () => {
    const keys = await OperatorKeys.open(embedded(), log);

    const path = join(dataDir, 'operator.jwk');
    expect(await modeOf(path)).toBe(0o600);
    const own = await SigningKey.import(JSON.parse(await readFile(path, 'utf8')));
    expect(keys.has(own.jkt)).toBe(true);
    expect(await keys.find(own.kid)).toMatchObject({ jkt: own.jkt });
  });

  it('takes OPERATOR_JWKS instead, public signing keys only', async () => {
    const good = await generateKey('sig', 'ES256');
    const sealing = await generateKey('enc', 'ECDH-ES');

    expect((await operatorOf(good.publicJwk)).has(good.jkt)).toBe(true);
    await expect(stat(join(dataDir, 'operator.jwk'))).rejects.toThrow('ENOENT');
    await expect(operatorOf(good.privateJwk)).rejects.toThrow(
      /^OPERATOR_JWKS: keys\[0\]: .*private/,
    );
    await expect(operatorOf(sealing.publicJwk)).rejects.toThrow(
      'OPERATOR_JWKS: keys[0]: use must be sig',
    );
  });

  it('knows no operator with DATABASE_URL and no OPERATOR_JWKS', async () => {
    const keys = await OperatorKeys.open(
      readSettings({
        DATABASE_URL: 'postgres://x/y',
        ISSUER: 'https://exchange.example',
        EXCHANGE_JWKS: '{}',
      }),
      log,
    );

    expect(keys.has((await generateKey('sig', 'ES256')).jkt)).toBe(false);
  });
});

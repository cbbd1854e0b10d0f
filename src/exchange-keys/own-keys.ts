import { resolve } from 'node:path';
import { generateKey, SigningKey } from '../crypto/index.js';
import { Broken, Refused } from '../envelope/index.js';
import type { Log, Settings } from '../platform/index.js';
import { type KeySource, readOrMake, readSetting, warnIfOthersRead } from './key-source.js';

const FILE = 'exchange.jwks.json';
const MAX_KEYS = 16;

/** The private keys of this process. The first of each kind signs; the others are only published. */
export interface OwnKeys {
  /** ES256: receipts, access tokens and what else the exchange states. */
  readonly statements: SigningKey;
  /** Ed25519: hop signatures. */
  readonly hops: SigningKey;
  readonly all: readonly SigningKey[];
}

/** Loads EXCHANGE_JWKS, or on the embedded default the file that first start makes. Throws Broken in one line. */
export async function loadOwnKeys(settings: Settings, log: Log): Promise<OwnKeys> {
  const source = await sourceOf(settings, log);
  const all = await importAll(source);
  return {
    statements: firstOf(source, all, ['ES256']),
    hops: firstOf(source, all, ['Ed25519', 'EdDSA']),
    all,
  };
}

async function sourceOf(settings: Settings, log: Log): Promise<KeySource> {
  const given = settings.EXCHANGE_JWKS;
  if (given !== undefined) {
    const source = await readSetting('EXCHANGE_JWKS', given);
    if (!given.trimStart().startsWith('{')) await warnIfOthersRead('EXCHANGE_JWKS', given, log);
    return source;
  }
  if (!settings.embedded) throw new Broken('EXCHANGE_JWKS: required with DATABASE_URL');
  const path = resolve(settings.DATA_DIR, FILE);
  const source = await readOrMake(path, makeKeys);
  await warnIfOthersRead(path, path, log);
  return source;
}

async function makeKeys(): Promise<object> {
  const statements = await generateKey('sig', 'ES256');
  const hops = await generateKey('sig', 'Ed25519');
  return { keys: [statements.privateJwk, hops.privateJwk] };
}

async function importAll({ name, json }: KeySource): Promise<SigningKey[]> {
  const keys: SigningKey[] = [];
  for (const [index, jwk] of entriesOf(name, json).entries()) {
    const key = await importOne(`${name}: keys[${index}]`, jwk);
    if (keys.some((other) => other.kid === key.kid || other.jkt === key.jkt))
      throw new Broken(`${name}: keys[${index}]: the kid or the key is there twice`);
    keys.push(key);
  }
  return keys;
}

function entriesOf(name: string, json: unknown): readonly unknown[] {
  const keys: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'keys') : [];
  if (Array.isArray(keys) && keys.length > 0 && keys.length <= MAX_KEYS) return keys;
  throw new Broken(`${name}: must be a JWK Set of 1 to ${MAX_KEYS} private keys`);
}

async function importOne(where: string, jwk: unknown): Promise<SigningKey> {
  try {
    return await SigningKey.import(jwk);
  } catch (error) {
    // The cause is left out on purpose: nothing that has seen a private key goes to a log.
    const why = error instanceof Refused ? error.detail : undefined;
    throw new Broken(`${where}: ${why ?? 'the key cannot be read'}`);
  }
}

function firstOf(
  source: KeySource,
  keys: readonly SigningKey[],
  algs: readonly string[],
): SigningKey {
  const key = keys.find((one) => algs.includes(one.alg));
  if (key === undefined) throw new Broken(`${source.name}: has no ${algs[0]} key with use sig`);
  return key;
}

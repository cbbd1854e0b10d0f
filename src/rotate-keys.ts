import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generateKey, SigningKey } from './crypto/index.js';

export type KeyChange = 'rotate' | 'drop-old';

const OWNER_ONLY = 0o600;
/** As many as EXCHANGE_JWKS takes. */
const MAX_KEYS = 16;

/**
 * Rewrites a file of the exchange's private keys: `rotate` adds a new one of each kind in front, which sign
 * from the next start on; `drop-old` leaves the first of each kind. The file is there whole, the old one or
 * the new. Answers the kids in order; throws with a line that says why not, never with key material.
 */
export async function rotateFile(path: string, change: KeyChange): Promise<readonly string[]> {
  const keys = await readKeys(path);
  const next = change === 'rotate' ? [...(await makePair()), ...keys] : await firstOfEach(keys);
  if (next.length > MAX_KEYS) throw new Error(`${path}: ${MAX_KEYS} keys are the most; --drop-old`);
  await replace(path, `${JSON.stringify({ keys: next })}\n`);
  return Promise.all(next.map(async (jwk) => (await SigningKey.import(jwk)).kid));
}

async function readKeys(path: string): Promise<readonly unknown[]> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    const keys: unknown = typeof json === 'object' && json !== null && Reflect.get(json, 'keys');
    if (!Array.isArray(keys) || keys.length === 0) throw new TypeError('no keys');
    await Promise.all(keys.map((jwk) => SigningKey.import(jwk)));
    return keys;
  } catch {
    // The cause is left out on purpose: nothing that has seen a private key goes to a terminal.
    throw new Error(`${path}: not a file of the exchange's private keys`);
  }
}

async function makePair(): Promise<readonly unknown[]> {
  const statements = await generateKey('sig', 'ES256');
  const hops = await generateKey('sig', 'Ed25519');
  return [statements.privateJwk, hops.privateJwk];
}

async function firstOfEach(keys: readonly unknown[]): Promise<readonly unknown[]> {
  const algs = await Promise.all(keys.map(async (jwk) => (await SigningKey.import(jwk)).alg));
  return keys.filter((_, at) => algs.indexOf(algs[at] ?? 'ES256') === at);
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', OWNER_ONLY);
    await file
      .writeFile(text)
      .then(() => file.sync())
      .finally(() => file.close());
    await rename(temporary, path);
    const directory = await open(dirname(path), 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

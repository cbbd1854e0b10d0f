import { exportJWK, type CryptoKey, type JWK } from 'jose';
import { Refused, type KeyId, type Thumbprint } from '../envelope/index.js';
import {
  algorithm,
  KEY_KINDS,
  type KeyKind,
  type KeyUse,
  type SealAlg,
  type SignAlg,
} from './algorithms.js';
import { isJsonObject } from './compact.js';
import { faultOfEd25519, faultOfP256, faultOfX25519 } from './curve-points.js';
import { fromBigEndian } from './integers.js';
import { keyRejected, readKeyMembers, type KeyMembers, type PublicJwk } from './key-members.js';
import { PUBLISHED_KEYS } from './published-keys.js';
import { faultOfModulus, MAX_RSA_BITS, MIN_RSA_BITS } from './rsa-modulus.js';
import { thumbprint } from './thumbprint.js';
import { importPublic } from './verification-key.js';

/** A public key that meets the key policy. */
export interface AdmittedKey {
  readonly kid: KeyId;
  readonly use: KeyUse;
  readonly alg: SignAlg | SealAlg;
  readonly jkt: Thumbprint;
  readonly jwk: PublicJwk;
}

export interface KeyPolicyOptions {
  /** RS256 is taken only where the operator allows it for that partner. */
  readonly allowRs256: boolean;
}

/** Keys in one set: enough for every algorithm and a rotation, few enough to check at once. */
export const MAX_KEYS_IN_SET = 16;

/**
 * Admits a JWK Set whole or not at all; `detail` names the first key that is refused.
 *
 * Throws Refused and nothing else, and MUST NOT repeat a value of what it was given.
 */
export async function admitKeySet(
  input: unknown,
  options: KeyPolicyOptions,
): Promise<readonly AdmittedKey[]> {
  const admitted: AdmittedKey[] = [];
  for (const [index, key] of keysOf(input).entries()) {
    try {
      const next = await admitKey(key, options);
      refuseDuplicate(next, admitted);
      admitted.push(next);
    } catch (error) {
      const why = error instanceof Refused ? error.detail : undefined;
      throw keyRejected(`keys[${index}]: ${why ?? 'the key cannot be read'}`);
    }
  }
  return admitted;
}

function keysOf(input: unknown): readonly unknown[] {
  let keys: unknown;
  try {
    keys = isJsonObject(input) ? input['keys'] : undefined;
    if (Array.isArray(keys) && keys.length >= 1 && keys.length <= MAX_KEYS_IN_SET) return [...keys];
  } catch {
    // A proxy that throws is no JWK Set either.
  }
  throw keyRejected(`keys must be an array of 1 to ${MAX_KEYS_IN_SET} keys`);
}

function refuseDuplicate(key: AdmittedKey, others: readonly AdmittedKey[]): void {
  if (others.some((other) => other.kid === key.kid)) throw keyRejected('kid is used twice');
  // The same RSA key for signing and for sealing is caught here too (RFC 8725 section 3.2).
  if (others.some((other) => other.jkt === key.jkt)) throw keyRejected('the key is there twice');
}

/** Admits one public key. Throws Refused and nothing else. */
export async function admitKey(input: unknown, options: KeyPolicyOptions): Promise<AdmittedKey> {
  const members = readKeyMembers(input);
  const { kid, use, alg, kind } = members;
  if (algorithm(alg).byException === true && !options.allowRs256) {
    throw keyRejected('RS256 only where the operator allows it; use PS256, ES256 or Ed25519');
  }
  const fault = await faultOfMaterial(members);
  if (fault !== undefined) throw keyRejected(fault);
  const exported = await reExport(await importPublic(members.material, alg));
  const jkt = await thumbprint(exported);
  if (PUBLISHED_KEYS.has(jkt)) throw keyRejected('its private key is printed in public');
  return { kid, use, alg, jkt, jwk: { ...canonicalMaterial(exported, kind), kid, use, alg } };
}

function canonicalMaterial(exported: JWK, kind: KeyKind): { kty: string } {
  const { kty, crv, members } = KEY_KINDS[kind];
  const names: readonly string[] = crv === undefined ? members : ['crv', ...members];
  const own = Object.entries(exported).filter(([name]) => names.includes(name));
  return { kty, ...Object.fromEntries(own) };
}

async function reExport(key: CryptoKey): Promise<JWK> {
  try {
    return await exportJWK(key);
  } catch {
    throw keyRejected('the key cannot be exported');
  }
}

async function faultOfMaterial(members: KeyMembers): Promise<string | undefined> {
  const { kind, alg, bytes } = members;
  const [first = new Uint8Array(), second = new Uint8Array()] = bytes;
  switch (kind) {
    case 'Ed25519':
      return faultOfEd25519(first);
    case 'X25519':
      return faultOfX25519(first);
    case 'P-256':
      return faultOfP256(first, second);
    case 'RSA':
      return await faultOfRsa(first, second);
    case 'AKP':
      return first.length === algorithm(alg).publicKeyBytes ? undefined : 'pub has another length';
  }
}

const F4 = 65537n;

async function faultOfRsa(n: Uint8Array, e: Uint8Array): Promise<string | undefined> {
  // RFC 7518 section 2, Base64urlUInt: the fewest octets that hold the value.
  if (n[0] === 0 || e[0] === 0) return 'n or e has a leading zero';
  // Before any arithmetic: the cost of all that follows grows with the length.
  const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    return `the modulus must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`;
  }
  // 1 lets everybody sign, small ones invite Bleichenbacher's forgery; nobody needs another one.
  if (e.length > 3 || fromBigEndian(e) !== F4) return 'e must be 65537';
  return faultOfModulus(fromBigEndian(n));
}

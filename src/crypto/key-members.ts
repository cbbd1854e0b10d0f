import { isKeyId, Refused, type KeyId } from '../envelope/index.js';
import {
  algorithm,
  isAlg,
  KEY_KINDS,
  KINDS,
  type KeyKind,
  type KeyUse,
  type SealAlg,
  type SignAlg,
} from './algorithms.js';
import { fromBase64url } from './base64url.js';
import { isJsonObject } from './compact.js';

/** A public key in its one spelling: the re-exported material with `kid`, `use` and `alg`. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: KeyId;
  readonly use: KeyUse;
  readonly alg: SignAlg | SealAlg;
  readonly [member: string]: unknown;
}

/** A JWK whose members are the right ones and fit each other; its numbers are still unchecked. */
export interface KeyMembers {
  readonly kind: KeyKind;
  readonly kid: KeyId;
  readonly use: KeyUse;
  readonly alg: SignAlg | SealAlg;
  /** What importJWK needs and nothing else. */
  readonly material: Record<string, string>;
  /** The decoded members of the public key, in the order of KEY_KINDS. */
  readonly bytes: readonly Uint8Array[];
}

/** Members of private and secret keys, whatever their kty. */
export const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CERTIFICATE_MEMBERS = ['x5c', 'x5u', 'x5t', 'x5t#S256'];
const COMMON_MEMBERS = ['kty', 'use', 'alg', 'kid', 'key_ops', 'ext'];
/** More than any JWK has. */
const MAX_MEMBERS = 16;
/** The longest member there is: the 2592 bytes of an ML-DSA-87 key. */
const MAX_MEMBER_CHARS = 3456;

/** Why a key is refused; names members and sizes, never their values. */
export function keyRejected(why: string): Refused {
  return new Refused('key_rejected', why);
}

/** Reads a JWK by the closed list of its members. Throws Refused and nothing else. */
export function readKeyMembers(input: unknown): KeyMembers {
  const jwk = snapshot(input);
  refuseForbidden(jwk);
  const kind = kindOf(jwk);
  refuseUnknown(jwk, kind);
  const { alg, use } = algAndUse(jwk, kind);
  checkKeyOps(jwk.get('key_ops'), use, kind);
  if (jwk.has('ext') && typeof jwk.get('ext') !== 'boolean') throw keyRejected('ext');
  const kid = jwk.get('kid');
  if (!isKeyId(kid)) throw keyRejected('kid is missing or not 1 to 128 of A-Z a-z 0-9 . _ ~ -');
  const bytes = KEY_KINDS[kind].members.map((member) => decodeMember(jwk, member));
  return { kind, kid, use, alg, material: materialFrom(jwk, kind, alg), bytes };
}

/** The members that importJWK needs, as a fresh object. For keys that were admitted before. */
export function materialOf(jwk: PublicJwk): Record<string, string> {
  return readKeyMembers(jwk).material;
}

// One look at each member: a getter or proxy could answer differently the second time.
function snapshot(input: unknown): Map<string, unknown> {
  try {
    if (isJsonObject(input)) return new Map(Object.entries(input));
  } catch {
    // A getter or proxy that throws is no key either.
  }
  throw keyRejected('not a JSON object');
}

function refuseForbidden(jwk: Map<string, unknown>): void {
  // RFC 7517 section 9.2. What was posted is compromised, whether or not it is a real key.
  if (PRIVATE_MEMBERS.some((member) => jwk.has(member))) {
    throw keyRejected('has private members; only public keys are taken, make a new key');
  }
  if (CERTIFICATE_MEMBERS.some((member) => jwk.has(member))) {
    throw keyRejected('certificates (x5c, x5u, x5t) are not taken');
  }
  if (jwk.size > MAX_MEMBERS) throw keyRejected(`more than ${MAX_MEMBERS} members`);
}

function kindOf(jwk: Map<string, unknown>): KeyKind {
  const [kty, crv] = [jwk.get('kty'), jwk.get('crv')];
  const kind = KINDS.find((each) => KEY_KINDS[each].kty === kty && KEY_KINDS[each].crv === crv);
  if (kind === undefined) throw keyRejected('kty and crv are not a kind of key that is taken');
  return kind;
}

function refuseUnknown(jwk: Map<string, unknown>, kind: KeyKind): void {
  const own: readonly string[] = KEY_KINDS[kind].members;
  const crv = KEY_KINDS[kind].crv === undefined ? [] : ['crv'];
  const known = new Set([...COMMON_MEMBERS, ...crv, ...own]);
  for (const member of jwk.keys()) {
    if (!known.has(member)) throw keyRejected('a member that this kind of key does not have');
  }
}

function algAndUse(
  jwk: Map<string, unknown>,
  kind: KeyKind,
): { alg: SignAlg | SealAlg; use: KeyUse } {
  const alg = jwk.get('alg');
  if (!isAlg(alg)) throw keyRejected('alg is missing or not allowed');
  const { use, kinds } = algorithm(alg);
  if (!kinds.includes(kind)) throw keyRejected('alg does not fit kty and crv');
  if (jwk.get('use') !== use) throw keyRejected(`use is missing or does not fit alg: ${use}`);
  return { alg, use };
}

/** RFC 7517 section 4.3: what each public key may say of itself, so that use and key_ops agree. */
function allowedOps(use: KeyUse, kind: KeyKind): { ops: readonly string[]; mayBeEmpty: boolean } {
  if (use === 'sig') return { ops: ['verify'], mayBeEmpty: false };
  if (kind === 'RSA') return { ops: ['encrypt', 'wrapKey'], mayBeEmpty: false };
  // WebCrypto exports the public half of an agreement key with an empty list.
  return { ops: ['deriveKey', 'deriveBits'], mayBeEmpty: true };
}

function checkKeyOps(keyOps: unknown, use: KeyUse, kind: KeyKind): void {
  if (keyOps === undefined) return;
  const { ops, mayBeEmpty } = allowedOps(use, kind);
  const fits =
    Array.isArray(keyOps) &&
    keyOps.length <= ops.length &&
    (mayBeEmpty || keyOps.length > 0) &&
    new Set<unknown>(keyOps).size === keyOps.length &&
    keyOps.every((op) => typeof op === 'string' && ops.includes(op));
  if (!fits) throw keyRejected('key_ops does not fit use');
}

function decodeMember(jwk: Map<string, unknown>, member: string): Uint8Array {
  const text = jwk.get(member);
  if (typeof text !== 'string' || text === '') throw keyRejected(`${member} is missing`);
  if (text.length > MAX_MEMBER_CHARS) throw keyRejected(`${member} is too long`);
  const bytes = fromBase64url(text);
  // Another spelling imports just as well but has another thumbprint.
  if (bytes === undefined) throw keyRejected(`${member} is not canonical base64url`);
  return bytes;
}

function materialFrom(
  jwk: Map<string, unknown>,
  kind: KeyKind,
  alg: SignAlg | SealAlg,
): Record<string, string> {
  const { kty, crv, members } = KEY_KINDS[kind];
  const material: Record<string, string> = { kty };
  if (crv !== undefined) material['crv'] = crv;
  for (const member of members) material[member] = String(jwk.get(member));
  // RFC 9964 section 3: alg is part of an AKP key and of its thumbprint.
  if (kind === 'AKP') material['alg'] = alg;
  return material;
}

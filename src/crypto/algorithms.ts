export type SignAlg =
  'Ed25519' | 'EdDSA' | 'ES256' | 'PS256' | 'RS256' | 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';
export type SealAlg = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256';
export type ContentEnc = 'A256GCM' | 'A256CBC-HS512';
/** `sig` keys sign, `enc` keys are sealed to; no key does both (RFC 8725 section 3.2). */
export type KeyUse = 'sig' | 'enc';

/** Kinds of key material: `kty`, its `crv` if it has one, and the members that hold the public key. */
export const KEY_KINDS = {
  Ed25519: { kty: 'OKP', crv: 'Ed25519', members: ['x'] },
  X25519: { kty: 'OKP', crv: 'X25519', members: ['x'] },
  'P-256': { kty: 'EC', crv: 'P-256', members: ['x', 'y'] },
  RSA: { kty: 'RSA', crv: undefined, members: ['n', 'e'] },
  AKP: { kty: 'AKP', crv: undefined, members: ['pub'] },
} as const satisfies Record<string, KeyKindRow>;
export type KeyKind = keyof typeof KEY_KINDS;
export const KINDS: readonly KeyKind[] = Object.keys(KEY_KINDS).filter(isKeyKind);

function isKeyKind(name: string): name is KeyKind {
  return Object.hasOwn(KEY_KINDS, name);
}

interface KeyKindRow {
  readonly kty: string;
  readonly crv: string | undefined;
  readonly members: readonly string[];
}

interface Algorithm {
  readonly use: KeyUse;
  readonly kinds: readonly KeyKind[];
  /** Allowed only where the operator says so for that partner. */
  readonly byException?: true;
  /** RFC 9964: the exact size of an ML-DSA public key (FIPS 204 table 2). */
  readonly publicKeyBytes?: number;
}

/**
 * Every algorithm there is at Sealpost. A key is registered for exactly one; what is not in this
 * table does not exist: no `none`, no HMAC, no RSA1_5, no password or shared-secret algorithms.
 */
export const ALGORITHMS = {
  Ed25519: { use: 'sig', kinds: ['Ed25519'] },
  // RFC 9864 deprecates the name; here it is an alias for OKP keys on Ed25519 and for nothing else.
  EdDSA: { use: 'sig', kinds: ['Ed25519'] },
  ES256: { use: 'sig', kinds: ['P-256'] },
  PS256: { use: 'sig', kinds: ['RSA'] },
  RS256: { use: 'sig', kinds: ['RSA'], byException: true },
  'ML-DSA-44': { use: 'sig', kinds: ['AKP'], publicKeyBytes: 1312 },
  'ML-DSA-65': { use: 'sig', kinds: ['AKP'], publicKeyBytes: 1952 },
  'ML-DSA-87': { use: 'sig', kinds: ['AKP'], publicKeyBytes: 2592 },
  'ECDH-ES': { use: 'enc', kinds: ['P-256', 'X25519'] },
  'ECDH-ES+A256KW': { use: 'enc', kinds: ['P-256', 'X25519'] },
  'RSA-OAEP-256': { use: 'enc', kinds: ['RSA'] },
} as const satisfies Record<SignAlg | SealAlg, Algorithm>;

/** Content encryption of sealed envelopes; the second is for recipients without AES-GCM. */
export const CONTENT_ENCS = ['A256GCM', 'A256CBC-HS512'] as const satisfies readonly ContentEnc[];

const NAMES = Object.keys(ALGORITHMS).filter(isAlg);
export const SIGN_ALGS: readonly SignAlg[] = NAMES.filter(isSignAlg);
export const SEAL_ALGS: readonly SealAlg[] = NAMES.filter(isSealAlg);

export function algorithm(alg: SignAlg | SealAlg): Algorithm {
  return ALGORITHMS[alg];
}

export function isAlg(value: unknown): value is SignAlg | SealAlg {
  // hasOwn, because `constructor` and `__proto__` are attempts at an algorithm name.
  return typeof value === 'string' && Object.hasOwn(ALGORITHMS, value);
}

export function isSignAlg(value: unknown): value is SignAlg {
  return isAlg(value) && ALGORITHMS[value].use === 'sig';
}

export function isSealAlg(value: unknown): value is SealAlg {
  return isAlg(value) && ALGORITHMS[value].use === 'enc';
}

export function isContentEnc(value: unknown): value is ContentEnc {
  return CONTENT_ENCS.some((enc) => enc === value);
}

/** Whether two names mean the same algorithm: equal, or Ed25519 by its old and its new name. */
export function sameAlg(one: SignAlg, other: SignAlg): boolean {
  return newName(one) === newName(other);
}

function newName(alg: SignAlg): SignAlg {
  return alg === 'EdDSA' ? 'Ed25519' : alg;
}

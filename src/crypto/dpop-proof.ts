import { CompactSign } from 'jose';
import { JsonFault, parseStrictJson, Refused, type Thumbprint } from '../envelope/index.js';
import { isSignAlg, type SignAlg, SIGN_ALGS, ALGORITHMS } from './algorithms.js';
import { isJsonObject, splitCompact } from './compact.js';
import { admitKey } from './key-policy.js';
import { importPrivate } from './signing-key.js';
import { VerificationKey } from './verification-key.js';

/** RFC 9449 section 4.2. */
const TYP = 'dpop+jwt';
const MAX_PROOF_BYTES = 8_192;

/** What a DPoP proof may be signed with: what every partner may sign with. */
export const DPOP_ALGS: readonly SignAlg[] = SIGN_ALGS.filter(
  (alg) => !('byException' in ALGORITHMS[alg]),
);

/** Claims that were signed by the key of this thumbprint, whosever that is. */
export interface DpopProof {
  readonly jkt: Thumbprint;
  readonly payload: Record<string, unknown>;
}

/**
 * The one kind of token that brings its own key (RFC 9449 section 4.3, checks 1 to 7). It says nothing of
 * who holds the key: the caller MUST compare `jkt` with what it knows, and check the claims.
 *
 * A parser of its own on purpose: `parseToken` never takes a key from a header. Throws Refused.
 */
export async function openDpopProof(token: unknown): Promise<DpopProof> {
  const compact = splitCompact(token, MAX_PROOF_BYTES);
  const header = objectOf(compact.headerBytes, 'header');
  const others = Object.keys(header).filter((member) => !['typ', 'alg', 'jwk'].includes(member));
  if (others.length > 0)
    throw new Refused('header_not_allowed', 'a member other than typ, alg, jwk');
  const { typ, alg, jwk } = header;
  if (typ !== TYP) throw new Refused('header_not_allowed', 'typ');
  if (!isSignAlg(alg) || !DPOP_ALGS.includes(alg)) throw new Refused('alg_not_allowed', 'alg');
  if (!isJsonObject(jwk)) throw new Refused('header_not_allowed', 'jwk');
  // The key policy refuses private members, secret keys and weak ones; a kid of its own means nothing here.
  const { kid: _kid, ...given } = jwk;
  const key = await admitKey({ use: 'sig', alg, ...given, kid: 'dpop' }, { allowRs256: false });
  if (key.use !== 'sig') throw new Refused('key_rejected', 'use');
  const verifying = await VerificationKey.import(key.jwk, key.jkt);
  await verifying.verify(compact.token, alg);
  return { jkt: key.jkt, payload: objectOf(compact.payloadBytes, 'payload') };
}

function objectOf(bytes: Uint8Array, what: string): Record<string, unknown> {
  try {
    const value = parseStrictJson(bytes);
    if (isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
  }
  throw new Refused('envelope_malformed', `the ${what} is not a strict JSON object`);
}

/** A DPoP proof with these claims; its header carries the public half of the key. */
export async function signDpopProof(
  privateJwk: Record<string, unknown>,
  claims: Record<string, unknown>,
): Promise<string> {
  const { admitted, key } = await importPrivate(privateJwk);
  const { kid: _kid, use: _use, alg, ...material } = admitted.jwk;
  const jwk = material.kty === 'AKP' ? { ...material, alg } : material;
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ typ: TYP, alg, jwk })
    .sign(key);
}

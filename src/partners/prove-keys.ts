import { type AdmittedKey, type PublicJwk, VerificationKey } from '../crypto/index.js';
import {
  isKeyId,
  type KeyId,
  type PartnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';
import type { StoredKey } from '../platform/index.js';
import { peekProof, type ProvenOnce, verifyProof } from '../verify/index.js';
import type { OneTime } from './used-tokens.store.js';

/** Whose keys are proved, to which exchange, and when. */
export interface ProofScene {
  readonly partnerId: PartnerId;
  readonly issuer: string;
  readonly now: Date;
}

/** A sig key: what proofs and statements are signed with. */
export interface Signer {
  readonly kid: KeyId;
  readonly jkt: Thumbprint;
  readonly jwk: PublicJwk;
}

export interface ProvenKeys {
  readonly keys: readonly StoredKey[];
  /** MUST be used up in the transaction that stores the keys. */
  readonly used: readonly OneTime[];
}

/**
 * At registration: every sig key is proved by its own proof, every enc key is stated by one of them;
 * nothing is missing, left over or there twice. Throws `proof_invalid`.
 */
export async function proveKeySet(
  keys: readonly AdmittedKey[],
  tokens: { readonly proofs: readonly string[]; readonly statements: readonly string[] },
  scene: ProofScene,
): Promise<ProvenKeys> {
  const signers = keys.filter((key) => key.use === 'sig');
  const sealers = keys.filter((key) => key.use === 'enc');
  const proofs = matchByKid(tokens.proofs, signers, 'proof', signerOfProof);
  const statements = matchByKid(tokens.statements, sealers, 'statement', kidStated);
  const used: OneTime[] = [];
  for (const key of signers) used.push(await proveKey(key, proofs.get(key.kid), scene));
  for (const key of sealers)
    used.push(await stateKey(key, statements.get(key.kid), signers, scene));
  return { keys: keys.map((key) => storedKey(key, statements.get(key.kid))), used };
}

/** Holds when the key itself signed that it is this partner's. */
export async function proveKey(
  key: AdmittedKey,
  proof: unknown,
  scene: ProofScene,
): Promise<OneTime> {
  if (signerOfProof(proof) !== key.kid)
    throw new Refused('proof_invalid', 'proof: kid of the header');
  return verifyNamed({ token: proof, typ: TYP.keyProof, signer: key, key }, scene);
}

/** Holds when one of `signers` signed that the key is this partner's. */
export async function stateKey(
  key: AdmittedKey,
  statement: unknown,
  signers: readonly Signer[],
  scene: ProofScene,
): Promise<OneTime> {
  const kid = signerOfStatement(statement);
  const signer = signers.find((one) => one.kid === kid);
  if (signer === undefined)
    throw new Refused('proof_invalid', 'statement: not by an active sig key of the partner');
  return verifyNamed({ token: statement, typ: TYP.keyStatement, signer, key }, scene);
}

/** The `kid` of the key that signed a statement; unverified. */
export function signerOfStatement(statement: unknown): KeyId {
  return peekProof(statement, { typ: TYP.keyStatement }).header.kid;
}

export function storedKey(key: AdmittedKey, statement: string | undefined): StoredKey {
  const { kid, use, alg, jkt, jwk } = key;
  return { kid, use, alg, jkt, jwk, statement: statement ?? null };
}

interface Named {
  readonly token: unknown;
  readonly typ: string;
  readonly signer: Signer;
  /** The key that is spoken of. */
  readonly key: AdmittedKey;
}

async function verifyNamed(
  { token, typ, signer, key }: Named,
  scene: ProofScene,
): Promise<OneTime> {
  const { partnerId, issuer, now } = scene;
  const proven = await verifyProof(token, {
    typ,
    key: await VerificationKey.import(signer.jwk, signer.jkt),
    iss: partnerId,
    sub: partnerId,
    aud: issuer,
    jkt: key.jkt,
    kid: key.kid,
    now,
  });
  return oneTime(proven, `${partnerId} ${typ} ${signer.jkt}`);
}

// One name space per signing key: who only claims an id cannot use up the jti of who holds it.
function oneTime({ jti, exp }: ProvenOnce, issuer: string): OneTime {
  return { issuer, jti, expiresAt: exp };
}

function signerOfProof(token: unknown): unknown {
  return peekProof(token, { typ: TYP.keyProof }).header.kid;
}

function kidStated(token: unknown): unknown {
  return peekProof(token, { typ: TYP.keyStatement }).payload['kid'];
}

/** The tokens by the key that each is for: one for every key, none for any other. */
function matchByKid(
  tokens: readonly string[],
  keys: readonly AdmittedKey[],
  what: string,
  kidOf: (token: unknown) => unknown,
): ReadonlyMap<KeyId, string> {
  const byKid = new Map<KeyId, string>();
  for (const token of tokens) {
    const kid = kidOf(token);
    if (!isKeyId(kid)) throw new Refused('proof_invalid', `${what}: kid`);
    if (byKid.has(kid)) throw new Refused('proof_invalid', `${what}: two for one key`);
    byKid.set(kid, token);
  }
  if (keys.some((key) => !byKid.has(key.kid)))
    throw new Refused('proof_invalid', `${what}: missing for a key`);
  if (byKid.size > keys.length)
    throw new Refused('proof_invalid', `${what}: of no key that needs one`);
  return byKid;
}

import { type AdmittedKey, admitKey, VerificationKey } from '../crypto/index.js';
import { LEEWAY_SECONDS, type PartnerId, Refused, TYP } from '../envelope/index.js';
import { type PartnerKey, peekProof, verifyProof } from '../verify/index.js';
import type { PinStore } from './pins.js';
import { keyMembers, type PublishedJwks } from './verify-token.js';

const RESTING: ReadonlySet<unknown> = new Set(['retired', 'revoked']);

/** A key as its directory lists it; whether it is its partner's is still open. */
interface ListedKey extends AdmittedKey {
  readonly status: 'active' | 'retired';
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
  readonly statement: unknown;
}

/** A key that a client takes for its partner's, whatever the exchange says. */
export interface TrustedKey extends PartnerKey {
  readonly admitted: AdmittedKey;
  /** When the statement that names it was made; 0 where a pin does. */
  readonly statedAt: number;
}

export interface TrustRules {
  readonly pins: PinStore;
  /** Whether the `sig` keys of a partner that was never seen are taken as they are listed. */
  readonly trustOnFirstUse: boolean;
  /** The exchange's issuer URL, for which statements are made. */
  readonly issuer: string;
}

/**
 * Which of the listed keys are the partner's: `sig` keys that are pinned or were seen before, and every key
 * that one of these states to be its owner's. So an exchange that lists a key of its own is not believed,
 * and a partner rotates without telling anybody.
 */
export async function trustedKeys(
  partner: PartnerId,
  jwks: PublishedJwks,
  rules: TrustRules,
): Promise<ReadonlyMap<string, TrustedKey>> {
  const listed = (await Promise.all(jwks.keys.map(read))).filter((key) => key !== undefined);
  const trusted = new Map<string, TrustedKey>();
  for (const key of await anchors(partner, listed, rules)) trusted.set(key.kid, trust(key, 0));
  if (trusted.size === 0) return trusted;
  // A key may be stated by one that is itself only stated: until a round finds nothing more.
  while (await stated(partner, listed, trusted, rules));
  const signers = [...trusted.values()].filter((key) => key.use === 'sig');
  await rules.pins.remember(
    partner,
    signers.map((key) => key.jkt),
  );
  return trusted;
}

/** A key of the exchange itself, by its own word: that it is the exchange's is all that this says. */
export async function exchangeKey(
  jwks: PublishedJwks,
  kid: string,
): Promise<PartnerKey | undefined> {
  const entry = jwks.keys.find((key) => key['kid'] === kid);
  const listed = entry === undefined ? undefined : await read(entry);
  return listed && trust(listed, 0);
}

async function anchors(
  partner: PartnerId,
  listed: readonly ListedKey[],
  { pins, trustOnFirstUse }: TrustRules,
): Promise<readonly ListedKey[]> {
  const signers = listed.filter((key) => key.use === 'sig');
  const known = await pins.known(partner);
  if (known.length === 0) return trustOnFirstUse ? signers : [];
  return signers.filter((key) => known.includes(key.jkt));
}

async function stated(
  partner: PartnerId,
  listed: readonly ListedKey[],
  trusted: Map<string, TrustedKey>,
  { issuer }: TrustRules,
): Promise<boolean> {
  const before = trusted.size;
  for (const key of listed) {
    if (trusted.has(key.kid)) continue;
    const statedAt = await whenStated(partner, key, trusted, issuer);
    if (statedAt !== undefined) trusted.set(key.kid, trust(key, statedAt));
  }
  return trusted.size > before;
}

/** When one of the trusted `sig` keys stated this key; undefined when none did. */
async function whenStated(
  partner: PartnerId,
  { kid, jkt, statement }: ListedKey,
  trusted: ReadonlyMap<string, TrustedKey>,
  issuer: string,
): Promise<number | undefined> {
  try {
    const { header, payload } = peekProof(statement, { typ: TYP.keyStatement });
    const signer = trusted.get(header.kid);
    const { iat } = payload;
    if (signer?.use !== 'sig' || typeof iat !== 'number') return undefined;
    // It was fresh when the exchange took it; here it is read long after.
    if (iat > Date.now() / 1000 + LEEWAY_SECONDS) return undefined;
    await verifyProof(statement, {
      typ: TYP.keyStatement,
      key: await VerificationKey.import(signer.jwk, signer.jkt),
      iss: partner,
      sub: partner,
      aud: issuer,
      kid,
      jkt,
      now: new Date(iat * 1000),
    });
    return iat;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function trust(key: ListedKey, statedAt: number): TrustedKey {
  const { kid, use, alg, jkt, jwk, status, notBefore, notAfter } = key;
  const admitted = { kid, use, alg, jkt, jwk };
  return { kid, use, jkt, jwk, status, notBefore, notAfter, admitted, statedAt };
}

/** A listed key that meets the key policy; what does not is as good as not listed. */
async function read(entry: Readonly<Record<string, unknown>>): Promise<ListedKey | undefined> {
  try {
    return {
      ...(await admitKey(keyMembers(entry), { allowRs256: true })),
      // Revoked since a moment: what the exchange took before it still comes. Nothing is sealed to it.
      status: RESTING.has(entry['status']) ? 'retired' : 'active',
      notBefore: momentOf(entry['nbf']),
      notAfter: momentOf(entry['exp']),
      statement: entry['statement'],
    };
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function momentOf(seconds: unknown): Date | null {
  return typeof seconds === 'number' ? new Date(seconds * 1000) : null;
}

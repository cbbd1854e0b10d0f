import {
  admitKey,
  type ParsedToken,
  parseToken,
  sha256Base64url,
  VerificationKey,
  verifySignature,
} from '../crypto/index.js';
import { Refused, TYP } from '../envelope/index.js';

/** A JWK Set as published at `/.well-known/jwks.json` or a partner's `jwks.json`. */
export interface PublishedJwks {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** What a receipt says (DESIGN.md section 6). */
export interface ReceiptClaims {
  readonly iss: string;
  readonly aud: string;
  readonly via: string;
  readonly jti: string;
  readonly iat: number;
  readonly state: string;
  readonly envelope: {
    readonly iss: string;
    readonly jti: string;
    readonly sha256: string;
    readonly jkt: string;
  };
  readonly recipient: string;
  readonly delivery?: {
    readonly id: string;
    readonly method: 'push' | 'poll';
    readonly status?: number;
    readonly reason?: string;
  };
}

const MAX_BYTES = 1_048_576;

/**
 * Verifies a receipt with nothing but the issuer's JWKS: offline, years later. With `envelope` also that
 * it speaks of exactly these bytes. Throws Refused.
 */
export async function verifyReceipt(
  token: string,
  jwks: PublishedJwks,
  expected: { readonly issuer: string; readonly envelope?: string },
): Promise<ReceiptClaims> {
  const { payload } = await verifyWith(token, TYP.receipt, jwks);
  if (payload['iss'] !== expected.issuer) throw new Refused('claims_invalid', 'iss');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- signed by the issuer in this form
  const claims = payload as unknown as ReceiptClaims;
  if (expected.envelope !== undefined) {
    const digest = await sha256Base64url(expected.envelope);
    if (claims.envelope.sha256 !== digest) throw new Refused('claims_invalid', 'envelope.sha256');
  }
  return claims;
}

/** Verifies the signature of an envelope with its sender's published keys. Throws Refused. */
export async function verifyEnvelope(
  token: string,
  jwks: PublishedJwks,
): Promise<Readonly<Record<string, unknown>>> {
  return (await verifyWith(token, TYP.envelope, jwks)).payload;
}

/** What a token says of itself, unverified: for finding the keys that it has to be verified with. */
export interface TokenParts {
  readonly typ: string;
  readonly kid: string;
  readonly iss: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Takes a token apart by the same strict rules, without believing it. Throws Refused. */
export function tokenParts(
  token: string,
  typ: string | readonly string[] = TYP.envelope,
): TokenParts {
  const { header, payload } = parseToken(token, { typ, maxBytes: MAX_BYTES });
  const { iss } = payload;
  if (typeof iss !== 'string') throw new Refused('claims_invalid', 'iss');
  return { typ: header.typ, kid: header.kid, iss, payload };
}

async function verifyWith(token: string, typ: string, jwks: PublishedJwks): Promise<ParsedToken> {
  const parsed = parseToken(token, { typ, maxBytes: MAX_BYTES });
  const published = jwks.keys.find((key) => key['kid'] === parsed.header.kid);
  if (published === undefined) throw new Refused('key_unknown');
  const { jwk, jkt } = await admitKey(keyMembers(published), { allowRs256: true });
  await verifySignature(parsed, await VerificationKey.import(jwk, jkt));
  return parsed;
}

const KEY_MEMBERS = 'kty kid use alg crv x y n e pub'.split(' ');

/** The key itself, without what a directory says about it (`statement`, `nbf` …). */
export function keyMembers(published: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(published).filter(([member]) => KEY_MEMBERS.includes(member)),
  );
}

import { IsIn, IsObject, IsString, Length, Matches, MaxLength } from 'class-validator';
import { Is, isMoment } from '../platform/index.js';
import { IfPresent, isPrintable } from './rules.js';

const MAX_PROOF_CHARS = 16_384;

/** A new key; by the token alone nobody adds one. */
export class KeyBody {
  /**
   * The public JWK, with `kid`, `use` and `alg`.
   * @example {"kty":"OKP","crv":"Ed25519","x":"6wZ3uG2F0fU4o7s4yq0mZ5p2Wc2m7cP1Qm3e0m1sX0I","kid":"acme-2","use":"sig","alg":"Ed25519"}
   */
  @IsObject()
  declare jwk: Record<string, unknown>;

  /**
   * For a sig key: a `sealpost-key-proof+jwt` by the new key itself. An enc key has none.
   * @example "eyJ0eXAiOiJzZWFscG9zdC1rZXktcHJvb2Yrand0IiwiYWxnIjoiRWQyNTUxOSIsImtpZCI6ImFjbWUtMiJ9.eyJpc3MiOiJhY21lIn0.c2ln"
   */
  @IfPresent()
  @IsString()
  @MaxLength(MAX_PROOF_CHARS)
  proof?: string;

  /**
   * A `sealpost-key-statement+jwt` by an active sig key of the partner, naming the new key.
   * @example "eyJ0eXAiOiJzZWFscG9zdC1rZXktc3RhdGVtZW50K2p3dCIsImFsZyI6IkVkMjU1MTkiLCJraWQiOiJhY21lLTEifQ.eyJpc3MiOiJhY21lIn0.c2ln"
   */
  @IsString()
  @MaxLength(MAX_PROOF_CHARS)
  declare statement: string;

  /**
   * From when on the key may be used; without it at once.
   * @example "2030-01-01T00:00:00Z"
   */
  @IfPresent()
  @Is('a time like 2030-01-01T00:00:00Z', isMoment)
  notBefore?: string;

  /**
   * From when on nothing new is signed with it or sealed to it; what was accepted before still holds.
   * @example "2031-01-01T00:00:00Z"
   */
  @IfPresent()
  @Is('a time like 2030-01-01T00:00:00Z', isMoment)
  notAfter?: string;
}

/** Why a key is revoked, and from when on it may have been in other hands. */
export class RevokeBody {
  /**
   * For people; kept with the key.
   * @example "laptop stolen"
   */
  @IfPresent()
  @Length(1, 200)
  @Is('one line of printable text', isPrintable)
  reason?: string;

  /**
   * From when on the key may have been in other hands; not in the future. What was accepted with the key
   * before still holds and is delivered; without it nothing holds that is not delivered yet.
   * @example "2030-01-01T00:00:00Z"
   */
  @IfPresent()
  @Is('a time like 2030-01-01T00:00:00Z', isMoment)
  since?: string;
}

/** What names a key. */
export class KeySummary {
  /** @example "acme-1" */
  @Matches(/^[A-Za-z0-9_.~-]{1,128}$/)
  declare kid: string;

  @IsIn(['sig', 'enc'])
  declare use: 'sig' | 'enc';

  /** @example "Ed25519" */
  declare alg: string;

  /**
   * RFC 7638 thumbprint: compare it with what the partner tells you over another channel.
   * @example "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
   */
  declare jkt: string;
}

/** A key of the caller. */
export class KeyView extends KeySummary {
  /**
   * `retired`: signs nothing new, verifies what waits. `revoked`: nothing it signed is delivered, but what
   * was accepted before `revokedSince`.
   */
  @IsIn(['active', 'retired', 'revoked'])
  declare status: 'active' | 'retired' | 'revoked';

  /** The public JWK as the exchange publishes it. */
  declare jwk: Record<string, unknown>;

  /** Who stated that the key is the partner's: a JWT by one of its sig keys. */
  statement?: string;

  declare createdAt: Date;
  notBefore?: Date;
  notAfter?: Date;
  retiredAt?: Date;
  revokedAt?: Date;
  revokedSince?: Date;
  revokedReason?: string;
}

export class KeyPage {
  declare items: KeyView[];

  /**
   * There when there is more: `after` of the next page.
   * @example "acme-1"
   */
  next?: string;
}

/** A public key of a partner, as in an RFC 7517 JWK Set, with who stated it. */
export class PublishedKey {
  /** @example "OKP" */
  declare kty: string;

  /** @example "acme-1" */
  declare kid: string;

  @IsIn(['sig', 'enc'])
  declare use: 'sig' | 'enc';

  /** @example "Ed25519" */
  declare alg: string;

  /**
   * A retired sig key still verifies what was accepted before; enc keys here are active. A revoked one is
   * here while something may still come that was accepted before `revoked_since`.
   */
  @IsIn(['active', 'retired', 'revoked'])
  declare status: 'active' | 'retired' | 'revoked';

  /** A JWT by a sig key of the partner that names this key; seal only to a key stated by one you know. */
  statement?: string;

  /** Unix seconds before which the key does not hold. */
  nbf?: number;

  /** Unix seconds after which the key does not hold. */
  exp?: number;

  /** Unix seconds from which on a revoked key may have been in other hands. */
  revoked_since?: number;

  // The members of the key material itself: x, y, n, e, crv, pub.
  [member: string]: unknown;
}

export class PublishedKeys {
  declare keys: PublishedKey[];
}

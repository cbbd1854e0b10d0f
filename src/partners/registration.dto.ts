import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsObject,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { isPartnerId } from '../envelope/index.js';
import { Is } from '../platform/index.js';
import { KeySummary } from './keys.dto.js';
import { IfPresent, isPrintable } from './rules.js';

const MAX_KEYS = 16;
const MAX_PROOF_CHARS = 16_384;

/** A service that wants to become a partner, with the keys that it proves to hold. */
export class RegisterBody {
  /**
   * The id it wants: `iss` and `aud` of envelopes, OAuth `client_id`. `operator`, `echo` and ids that
   * begin with `sealpost` are reserved.
   * @example "acme"
   */
  @Is('an id: 1 to 63 of a-z, 0-9 and inner hyphens', isPartnerId)
  declare id: string;

  /**
   * For people.
   * @example "Acme Billing"
   */
  @Length(1, 120)
  @Is('one line of printable text', isPrintable)
  declare name: string;

  /**
   * Whom the operator can reach; shown to the operator and the partner itself only.
   * @example "ops@acme.example"
   */
  @Length(3, 254)
  @Is('one line of printable text', isPrintable)
  declare contact: string;

  /**
   * An RFC 7517 set of 1 to 16 public keys, each with `kid`, `use` and exactly one `alg`; at least one sig key.
   * @example {"keys":[{"kty":"OKP","crv":"Ed25519","x":"6wZ3uG2F0fU4o7s4yq0mZ5p2Wc2m7cP1Qm3e0m1sX0I","kid":"acme-1","use":"sig","alg":"Ed25519"}]}
   */
  @ValidateIf((body: RegisterBody) => body.jwksUri === undefined || body.jwks !== undefined)
  @IsObject()
  jwks?: Record<string, unknown>;

  /**
   * Instead of `jwks`: where the set is, by https. It is fetched now and from time to time; see
   * `PUT /v1/keys/source`.
   * @example "https://acme.example/jwks.json"
   */
  @IfPresent()
  @IsString()
  @MaxLength(2_048)
  jwksUri?: string;

  /**
   * One `sealpost-key-proof+jwt` for each sig key, signed by that key.
   * @example ["eyJ0eXAiOiJzZWFscG9zdC1rZXktcHJvb2Yrand0IiwiYWxnIjoiRWQyNTUxOSIsImtpZCI6ImFjbWUtMSJ9.eyJpc3MiOiJhY21lIn0.c2ln"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_KEYS)
  @IsString({ each: true })
  @MaxLength(MAX_PROOF_CHARS, { each: true })
  declare proofs: string[];

  /**
   * One `sealpost-key-statement+jwt` for each enc key, signed by one of the sig keys proved here.
   * @example []
   */
  @IsArray()
  @ArrayMaxSize(MAX_KEYS)
  @IsString({ each: true })
  @MaxLength(MAX_PROOF_CHARS, { each: true })
  declare statements: string[];

  /**
   * From the operator: makes the partner active at once, or replaces all keys of a partner that lost them.
   * @example "pY8xvR5bN0Zk0gq3wqk3M4Jb0mX1F7v9t2cL6sD8aEw"
   */
  @IfPresent()
  @Matches(/^[A-Za-z0-9_-]{43}$/, { message: 'invite must be 43 characters of base64url' })
  invite?: string;
}

/** How a registration ended: waiting for the operator, or, with an invite, active. */
export class RegistrationView {
  /** @example "acme" */
  declare id: string;

  /** @example "Acme Billing" */
  declare name: string;

  /** `suspended` only when an invite re-enrolled a partner that the operator holds suspended. */
  @IsIn(['pending', 'active', 'suspended'])
  declare status: 'pending' | 'active' | 'suspended';

  /**
   * What the operator approves; there while pending.
   * @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11"
   */
  registrationId?: string;

  declare keys: KeySummary[];
  declare createdAt: Date;

  /** When a pending registration is forgotten. */
  expiresAt?: Date;
}

import { parseToken, sha256, VerificationKey, verifySignature } from '../crypto/index.js';
import {
  isPartnerId,
  type KeyId,
  type PartnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';
import { holds, type PartnerKey, type World } from './world.js';

/** 1 MiB: the largest envelope, in bytes of its compact form. */
export const MAX_ENVELOPE_BYTES = 1_048_576;

interface Signed {
  readonly token: string;
  readonly iss: PartnerId;
  readonly kid: KeyId;
  readonly jkt: Thumbprint;
  readonly sha256: Uint8Array;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * A token that its `iss` signed, with a key that is theirs and may sign now. Its claims are not checked
 * yet. Only `authenticate` makes one.
 */
export class SignedEnvelope implements Signed {
  // A private field: no object literal can pretend.
  // oxlint-disable-next-line no-unused-private-class-members -- it is there for the compiler alone
  readonly #made = true;
  readonly token: string;
  readonly iss: PartnerId;
  readonly kid: KeyId;
  readonly jkt: Thumbprint;
  readonly sha256: Uint8Array;
  readonly payload: Readonly<Record<string, unknown>>;

  private constructor(signed: Signed) {
    this.token = signed.token;
    this.iss = signed.iss;
    this.kid = signed.kid;
    this.jkt = signed.jkt;
    this.sha256 = signed.sha256;
    this.payload = signed.payload;
  }

  /**
   * Size, shape, header, key, signature: in this order, cheap first, and no claim but `iss` is looked at
   * before the signature holds. The key is found by (`iss`, `kid`) and by nothing else.
   */
  static async authenticate(token: unknown, world: World): Promise<SignedEnvelope> {
    const parsed = parseToken(token, { typ: TYP.envelope, maxBytes: MAX_ENVELOPE_BYTES });
    const { iss } = parsed.payload;
    if (!isPartnerId(iss)) throw new Refused('claims_invalid', 'iss');
    const key = await world.trust.key(iss, parsed.header.kid);
    if (key === undefined || !maySign(key, world)) throw new Refused('key_unknown');
    await verifySignature(parsed, await VerificationKey.import(key.jwk, key.jkt));
    return new SignedEnvelope({
      token: parsed.token,
      iss,
      kid: parsed.header.kid,
      jkt: key.jkt,
      sha256: await sha256(parsed.token),
      payload: parsed.payload,
    });
  }

  /** False for whatever was not made here. */
  static is(value: object): value is SignedEnvelope {
    return #made in value;
  }
}

/** Whether a key may have signed what is verified at this step. */
export function maySign(key: PartnerKey, world: World): boolean {
  return key.use === 'sig' && holds(key, world);
}

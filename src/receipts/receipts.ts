import { Injectable } from '@nestjs/common';
import { toBase64url } from '../crypto/index.js';
import { type PartnerId, type ReceiptState, TYP } from '../envelope/index.js';
import { ExchangeKeys } from '../exchange-keys/index.js';
import type { DeliveryFacts } from '../ledger/index.js';
import { Settings, uuidV7 } from '../platform/index.js';
import { secondsOf, type VerifiedEnvelope } from '../verify/index.js';

/** The end of a delivery, as a receipt tells it. */
export interface EndOfDelivery {
  readonly state: ReceiptState;
  readonly at: Date;
  /** HTTP status that the endpoint answered, if one did. */
  readonly status?: number;
  readonly reason?: string;
}

/** STEP 7: statements of the exchange, signed before the transaction of the state they state. */
@Injectable()
export class Receipts {
  constructor(
    private readonly keys: ExchangeKeys,
    private readonly settings: Settings,
  ) {}

  /** `accepted`: verified, and durable from the commit that stores this receipt. */
  accepted(envelope: VerifiedEnvelope): Promise<string> {
    const { claims, signed, verifiedAt } = envelope;
    return this.#sign(claims.iss, verifiedAt, {
      state: 'accepted',
      envelope: {
        iss: claims.iss,
        jti: claims.jti,
        sha256: toBase64url(signed.sha256),
        jkt: signed.jkt,
      },
      recipient: claims.aud,
    });
  }

  /** `delivered` states a 2xx or an ack and no more than that; the others how a delivery ended. */
  ofDelivery(facts: DeliveryFacts, end: EndOfDelivery): Promise<string> {
    const { iss, jti, sha256, jkt } = facts.envelope;
    return this.#sign(facts.sender, end.at, {
      state: end.state,
      envelope: { iss, jti, sha256: toBase64url(sha256), jkt },
      recipient: facts.recipient,
      delivery: {
        id: facts.deliveryId,
        method: facts.endpointId === null ? 'poll' : 'push',
        ...(end.status === undefined ? {} : { status: end.status }),
        ...(end.reason === undefined ? {} : { reason: end.reason }),
      },
    });
  }

  #sign(aud: PartnerId, at: Date, claims: object): Promise<string> {
    const { issuer } = this.settings;
    return this.keys.sign(TYP.receipt, {
      iss: issuer,
      aud,
      via: issuer,
      jti: uuidV7(at),
      iat: secondsOf(at),
      ...claims,
    });
  }
}

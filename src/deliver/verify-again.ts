import { Injectable } from '@nestjs/common';
import { EXCHANGE_ID, type KeyId, type PartnerId, Refused } from '../envelope/index.js';
import type { DeliveryFacts } from '../ledger/index.js';
import { TrustStore } from '../partners/index.js';
import { Clock, Settings } from '../platform/index.js';
import { ExchangeTrust } from './operational/exchange-trust.js';
import { type PartnerKey, type Relation, Trust, VerifiedEnvelope } from '../verify/index.js';

/** Trust as the statement that began the attempt or lease read it. */
class TrustInFacts extends Trust {
  constructor(
    private readonly facts: DeliveryFacts,
    private readonly others: Trust,
  ) {
    super();
  }

  override key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined> {
    const { key, sender } = this.facts;
    if (owner === sender && kid === key?.kid) return Promise.resolve(key);
    return this.others.key(owner, kid);
  }

  override relation(sender: PartnerId, recipient: PartnerId): Promise<Relation> {
    const same = sender === this.facts.sender && recipient === this.facts.recipient;
    return same ? Promise.resolve(this.facts.relation) : this.others.relation(sender, recipient);
  }
}

/**
 * STEP 5: the whole verification again, from the stored bytes, with the keys and grants of now.
 *
 * The row is not trusted to say whose bytes these are: sender, recipient, key, jti, type and digest must
 * be those of the token and the endpoint the recipient's, so that nothing goes to somebody else whatever
 * was written over.
 */
@Injectable()
export class VerifyAgain {
  constructor(
    private readonly trust: TrustStore,
    private readonly exchange: ExchangeTrust,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Throws Refused. */
  async run(facts: DeliveryFacts): Promise<VerifiedEnvelope> {
    const envelope = await VerifiedEnvelope.verify(facts.envelope.body, {
      now: notBefore(facts.envelope.acceptedAt, this.clock.now()),
      issuer: this.settings.issuer,
      trust: this.#trustFor(facts),
      step: 'delivery',
      acceptedAt: facts.envelope.acceptedAt,
    });
    if (!isOf(envelope, facts)) throw new Refused('claims_invalid', 'not the envelope of this row');
    return envelope;
  }

  #trustFor(facts: DeliveryFacts): Trust {
    return facts.sender === EXCHANGE_ID ? this.exchange : new TrustInFacts(facts, this.trust.fresh);
  }
}

// Clocks of processes differ: what one has accepted is not from the future for another (ATTACKS 165).
function notBefore(acceptedAt: Date, now: Date): Date {
  return now < acceptedAt ? acceptedAt : now;
}

function isOf({ claims, signed }: VerifiedEnvelope, facts: DeliveryFacts): boolean {
  const { envelope, sender, recipient, endpoint } = facts;
  return [
    claims.iss === sender && claims.iss === envelope.iss,
    claims.aud === recipient && claims.aud === envelope.aud,
    claims.jti === envelope.jti,
    claims.type === envelope.type,
    signed.kid === envelope.kid && signed.jkt === envelope.jkt,
    Buffer.compare(signed.sha256, envelope.sha256) === 0,
    endpoint === undefined || endpoint.owner === recipient,
  ].every(Boolean);
}

import { Injectable } from '@nestjs/common';
import { EXCHANGE_ID, MAX_LIFETIME_SECONDS, type PartnerId, TYP } from '../../envelope/index.js';
import { ExchangeKeys } from '../../exchange-keys/index.js';
import { AcceptancesStore } from '../../ledger/index.js';
import { Clock, Settings, uuidV7 } from '../../platform/index.js';
import { Receipts } from '../../receipts/index.js';
import { secondsOf, VerifiedEnvelope } from '../../verify/index.js';
import { ExchangeTrust } from './exchange-trust.js';

/** What the exchange has to say to a partner. */
export interface Notice {
  readonly to: PartnerId;
  /** `sealpost.` and what happened, e.g. `sealpost.key.revoked`. */
  readonly type: `sealpost.${string}`;
  /** Names what happened, so that it is told once however often this is asked for. */
  readonly jti: string;
  readonly data: object;
}

/** What a notice is made of. */
@Injectable()
export class NoticeParts {
  constructor(
    readonly keys: ExchangeKeys,
    readonly trust: ExchangeTrust,
    readonly receipts: Receipts,
    readonly settings: Settings,
    readonly clock: Clock,
  ) {}
}

/**
 * Operational envelopes: signed by the exchange (`iss` `sealpost`), and from then on on the same way as
 * everybody's: ledger, routing, verification before delivery, receipts.
 */
@Injectable()
export class TellPartner {
  constructor(
    private readonly acceptances: AcceptancesStore,
    private readonly parts: NoticeParts,
  ) {}

  /** When this resolves the notice is in the ledger; true when it was not there before. */
  async run(notice: Notice): Promise<boolean> {
    const envelope = await this.#make(notice);
    const id = uuidV7(envelope.verifiedAt);
    const receipt = await this.parts.receipts.accepted(envelope);
    return (await this.acceptances.appendOwn({ id, envelope, receipt })) === 'appended';
  }

  /** Through the same door as all: the ledger takes nothing that was not verified. */
  async #make({ to, type, jti, data }: Notice): Promise<VerifiedEnvelope> {
    const { keys, trust, settings, clock } = this.parts;
    const now = clock.now();
    const token = await keys.sign(TYP.envelope, {
      iss: EXCHANGE_ID,
      aud: to,
      via: settings.issuer,
      jti,
      iat: secondsOf(now),
      exp: secondsOf(now) + MAX_LIFETIME_SECONDS,
      type,
      data,
    });
    const world = { now, issuer: settings.issuer, trust, step: 'acceptance' } as const;
    return VerifiedEnvelope.verify(token, world);
  }
}

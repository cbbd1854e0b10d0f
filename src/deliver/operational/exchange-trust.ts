import { Injectable } from '@nestjs/common';
import { EXCHANGE_ID, type KeyId, type PartnerId } from '../../envelope/index.js';
import { ExchangeKeys } from '../../exchange-keys/index.js';
import { type PartnerKey, type Relation, Trust } from '../../verify/index.js';

/** Trust in what the exchange itself sends: its published keys, and no partner's. */
@Injectable()
export class ExchangeTrust extends Trust {
  constructor(private readonly keys: ExchangeKeys) {
    super();
  }

  override async key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined> {
    const published = owner === EXCHANGE_ID ? await this.keys.findPublished(kid) : undefined;
    return (
      published && {
        kid,
        use: 'sig',
        status: 'active',
        jkt: published.jkt,
        jwk: published.jwk,
        notBefore: null,
        notAfter: null,
      }
    );
  }

  /** Everybody takes what the exchange has to say. */
  override relation(): Promise<Relation> {
    const grant = { types: ['sealpost.*'], sealedOnly: false };
    return Promise.resolve({ sender: 'active', recipient: 'active', grant });
  }
}

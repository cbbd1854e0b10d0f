import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../envelope/index.js';
import { TrustStore } from '../partners/index.js';
import { Clock, isUnavailable, Log, Settings } from '../platform/index.js';
import { verifyRecipientReceipt } from '../verify/index.js';
import type { ReceiptResult } from './recipient-receipts.dto.js';
import { RecipientReceiptsStore } from './recipient-receipts.store.js';

/** Takes what recipients state about envelopes that were delivered to them. */
@Injectable()
export class TakeReceipt {
  constructor(
    private readonly trust: TrustStore,
    private readonly store: RecipientReceiptsStore,
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Each answered for itself; sending the same receipt again is safe. */
  many(tokens: readonly string[], by: PartnerId): Promise<ReceiptResult[]> {
    return Promise.all(
      tokens.map(async (token) => {
        try {
          await this.one(token, by);
          return { status: 201 };
        } catch (error) {
          const { status, code, detail } = this.#refusalOf(error);
          return { status, code, ...(detail === undefined ? {} : { detail }) };
        }
      }),
    );
  }

  /** Throws Refused. */
  async one(token: unknown, by: PartnerId): Promise<void> {
    const receipt = await verifyRecipientReceipt(token, by, {
      now: this.clock.now(),
      issuer: this.settings.issuer,
      trust: this.trust.fresh,
      step: 'acceptance',
    });
    const taken = await this.store.take(receipt);
    this.log.step('receipt.taken', { recipient: by, state: receipt.state, outcome: taken });
    switch (taken) {
      case 'taken':
      case 'repeated':
        return;
      case 'stated':
        throw new Refused('conflict', 'this state was stated before, by another receipt');
      case 'unknown':
        throw new Refused('not_found', 'no such envelope was delivered to you');
      case 'distrusted':
        throw new Refused('key_unknown');
    }
  }

  #refusalOf(error: unknown): Refused {
    if (error instanceof Refused) return error;
    this.log.broken('receipt.broken', error);
    return new Refused(isUnavailable(error) ? 'unavailable' : 'internal');
  }
}

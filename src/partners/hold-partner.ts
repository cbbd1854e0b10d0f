import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../envelope/index.js';
import { type Caller, changeTrust, Clock, Database, Log } from '../platform/index.js';
import { record } from './audit.store.js';
import { changePartner, lockPartner, type Partner } from './partner.store.js';
import { tell } from './tell.store.js';

/** Suspending holds everything of a partner and loses nothing; reactivating lets it go on. */
@Injectable()
export class HoldPartner {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** When this resolves, nothing of or to the partner is accepted, attempted or leased any more. */
  suspend(by: Caller, id: PartnerId): Promise<Partner> {
    return this.#become(by, id, 'suspended');
  }

  reactivate(by: Caller, id: PartnerId): Promise<Partner> {
    return this.#become(by, id, 'active');
  }

  async #become(by: Caller, id: PartnerId, status: Partner['status']): Promise<Partner> {
    const partner = await changeTrust(this.database.db, async (tx) => {
      const existing = await lockPartner(tx, id);
      if (existing === undefined) throw new Refused('not_found');
      if (existing.status === status) return existing;
      const at = this.clock.now();
      const changed = await changePartner(tx, id, { status }, at);
      await record(tx, {
        by,
        at,
        action: status === 'active' ? 'partner.reactivated' : 'partner.suspended',
        partner: id,
        target: id,
        from: { status: existing.status },
        to: { status },
      });
      await tell(tx, 'keys', id);
      if (status === 'active') await tell(tx, 'outbox');
      return changed;
    });
    this.log.step('partner.held', { partnerId: id, status });
    return partner;
  }
}

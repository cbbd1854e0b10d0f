import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../../envelope/index.js';
import { type Caller, Clock, Database, Log } from '../../platform/index.js';
import { record } from '../audit.store.js';
import { keyFacts } from '../audited.js';
import { findKey, insertKeys } from '../key.store.js';
import type { KeyView } from '../keys.dto.js';
import { lockPartner } from '../partner.store.js';
import { publicJwkOf } from '../public-jwk.js';
import { orTaken } from '../taken.js';
import { tell } from '../tell.store.js';
import { keySummary, keyView, kidInPath } from '../views.js';
import type { PendingKeyView } from './key-source.dto.js';
import { comesFromSource, type PendingKey, pendingKeys, takePending } from './key-source.store.js';

/** What waits in the set of a partner, for the operator: the way for who lost every key that could state it. */
@Injectable()
export class PendingKeys {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async list(id: PartnerId): Promise<PendingKeyView[]> {
    return (await pendingKeys(this.database.db, id)).map(pendingKeyView);
  }

  /** Stands in for the statement of an active key. The key has none then, so nobody who pins seals to it. */
  async approve(by: Caller, id: PartnerId, wanted: string, jkt: string): Promise<KeyView> {
    const kid = kidInPath(wanted);
    const view = await orTaken(() =>
      this.database.db.transaction().execute(async (tx) => {
        if ((await lockPartner(tx, id)) === undefined) throw new Refused('not_found');
        const pending = await takePending(tx, id, kid, jkt);
        if (pending === undefined) throw new Refused('not_found');
        const at = this.clock.now();
        const { use, alg, jwk } = pending;
        const key = { kid, use, alg, jkt: pending.jkt, jwk, statement: null };
        await insertKeys(tx, { partnerId: id, keys: [key] }, at);
        await comesFromSource(tx, id, kid);
        const row = await findKey(tx, id, kid);
        if (row === undefined) throw new Refused('not_found');
        const change = { by, at, partner: id, target: kid, to: keyFacts(row) };
        await record(tx, { ...change, action: 'key.added' });
        await tell(tx, 'keys', id);
        return keyView(row);
      }),
    );
    this.log.step('key.approved', { partnerId: id, kid, jkt: view.jkt, use: view.use });
    return view;
  }
}

export function pendingKeyView(row: PendingKey): PendingKeyView {
  const { kid, use, alg, jkt, seen_at: seenAt } = row;
  return {
    ...keySummary({ kid, use, alg, jkt, jwk: row.jwk, statement: null }),
    jwk: publicJwkOf(row),
    seenAt,
  };
}

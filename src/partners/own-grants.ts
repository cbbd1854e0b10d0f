import { Injectable } from '@nestjs/common';
import { isPartnerId, isReservedId, type PartnerId, Refused } from '../envelope/index.js';
import { type Caller, changeTrust, Clock, Database, Log } from '../platform/index.js';
import { record } from './audit.store.js';
import { grantFacts } from './audited.js';
import {
  countGrants,
  deleteGrant,
  findGrant,
  type Grant,
  type GrantAsked,
  pageOfGrants,
  upsertGrant,
} from './grant.store.js';
import type { GrantBody, GrantView } from './grants.dto.js';
import { mapPage, type Page, type PageAsked, pageOf } from './page.js';
import { tell } from './tell.store.js';
import { grantView } from './views.js';

const MAX_GRANTS = 10_000;

/** Whom a recipient lets send what. Deny by default; a sender need not exist yet. */
@Injectable()
export class OwnGrants {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async list({ id }: Caller, asked: PageAsked): Promise<Page<GrantView>> {
    const rows = await pageOfGrants(this.database.db, id, { ...asked, limit: asked.limit + 1 });
    return mapPage(
      pageOf(rows, asked.limit, (row) => row.sender),
      grantView,
    );
  }

  async one({ id }: Caller, sender: string): Promise<GrantView> {
    const grant = isPartnerId(sender) ? await findGrant(this.database.db, id, sender) : undefined;
    if (grant === undefined) throw new Refused('not_found');
    return grantView(grant);
  }

  /** What the grant no longer says is withdrawn: when this resolves, nothing of it is accepted or begins. */
  async put(by: Caller, wanted: string, body: GrantBody): Promise<GrantView> {
    const { types, sealedOnly, algorithms } = body;
    const { id } = by;
    const asked = { recipient: id, sender: grantable(wanted), types, sealedOnly, algorithms };
    const existing = await findGrant(this.database.db, id, asked.sender);
    if (existing === undefined) await this.#refuseTooMany(id);
    else if (saysTheSame(existing, asked)) return grantView(existing);
    const grant = await changeTrust(this.database.db, async (tx) => {
      const was = await findGrant(tx, id, asked.sender);
      const at = this.clock.now();
      const written = await upsertGrant(tx, asked, at);
      await record(tx, {
        by,
        at,
        action: 'grant.put',
        partner: id,
        target: asked.sender,
        ...(was === undefined ? {} : { from: grantFacts(was) }),
        to: grantFacts(written),
      });
      await tell(tx, 'keys', id);
      await tell(tx, 'outbox');
      return written;
    });
    this.log.step('grant.put', { recipient: id, sender: asked.sender, types: types.length });
    return grantView(grant);
  }

  async withdraw(by: Caller, sender: string): Promise<void> {
    const { id } = by;
    if (!isPartnerId(sender)) throw new Refused('not_found');
    await changeTrust(this.database.db, async (tx) => {
      const was = await findGrant(tx, id, sender);
      if (was === undefined) throw new Refused('not_found');
      await deleteGrant(tx, id, sender);
      const change = { by, at: this.clock.now(), partner: id, target: sender };
      await record(tx, { ...change, action: 'grant.withdrawn', from: grantFacts(was) });
      await tell(tx, 'keys', id);
    });
    this.log.step('grant.withdrawn', { recipient: id, sender });
  }

  async #refuseTooMany(id: PartnerId): Promise<void> {
    if ((await countGrants(this.database.db, id)) >= MAX_GRANTS)
      throw new Refused('conflict', `at most ${MAX_GRANTS} grants`);
  }
}

function grantable(sender: string): PartnerId {
  if (!isPartnerId(sender) || isReservedId(sender))
    throw new Refused('validation_failed', 'sender must be an id that a partner can have');
  return sender;
}

// Saying it again is no change: it need not stop the world for a moment.
function saysTheSame(grant: Grant, asked: GrantAsked): boolean {
  return (
    grant.sealed_only === asked.sealedOnly &&
    (grant.algorithms ?? []).join(' ') === (asked.algorithms ?? []).join(' ') &&
    grant.types.length === asked.types.length &&
    grant.types.every((type, i) => type === asked.types[i])
  );
}

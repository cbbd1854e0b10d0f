import { Injectable } from '@nestjs/common';
import { isPartnerId, type PartnerId, Refused } from '../envelope/index.js';
import { type Caller, Clock, Database } from '../platform/index.js';
import { heldKeys, isUsable, standingKeys } from './key.store.js';
import type { PublishedKeys } from './keys.dto.js';
import { mapPage, type Page, type PageAsked, pageOf } from './page.js';
import {
  allIds,
  findPartner,
  findVisiblePartner,
  type Partner,
  partnersOf,
  visiblePartners,
} from './partner.store.js';
import type { PartnerView } from './partners.dto.js';
import { pendingOf, type Registration } from './registration.store.js';
import { keySummary, partnerView, peerView, pendingView, publishedKey } from './views.js';

/** What each caller may see of whom. What it may not see is not there: one answer for both. */
@Injectable()
export class SeePartners {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** The operator sees all and what waits; a partner itself and those with a grant either way. */
  list(caller: Caller, asked: PageAsked): Promise<Page<PartnerView>> {
    return caller.scope === 'operator' ? this.#all(asked) : this.#peers(caller, asked);
  }

  async one(caller: Caller, wanted: string): Promise<PartnerView> {
    const id = idInPath(wanted);
    if (caller.scope === 'operator') return this.#whole(id);
    if (caller.status !== 'active') return this.#ownStatus(caller, id);
    if (caller.id === id) return this.#whole(id);
    return peerView(await this.#visible(caller, id));
  }

  /** Active keys, and retired sig keys, which still verify what was accepted before. */
  async keys(caller: Caller, wanted: string): Promise<PublishedKeys> {
    const { id } = await this.#visible(caller, idInPath(wanted));
    const now = this.clock.now();
    const standing = await standingKeys(this.database.db, id);
    const keys = standing.filter((key) => key.use === 'sig' || isUsable(key, now));
    const held = await heldKeys(this.database.db, id, now);
    return { keys: [...keys, ...held].map(publishedKey) };
  }

  async #visible(caller: Caller, id: PartnerId): Promise<Partner> {
    const { db } = this.database;
    const partner =
      caller.scope === 'operator'
        ? await findPartner(db, id)
        : await findVisiblePartner(db, caller.id, id);
    if (partner === undefined) throw new Refused('not_found');
    return partner;
  }

  async #peers(caller: Caller, asked: PageAsked): Promise<Page<PartnerView>> {
    const more = { ...asked, limit: asked.limit + 1 };
    const rows = await visiblePartners(this.database.db, caller.id, more);
    const show = (row: Partner): PartnerView =>
      row.id === caller.id ? partnerView(row) : peerView(row);
    return mapPage(
      pageOf(rows, asked.limit, (row) => row.id),
      show,
    );
  }

  async #all(asked: PageAsked): Promise<Page<PartnerView>> {
    const { db } = this.database;
    const now = this.clock.now();
    const ids = await allIds(db, { ...asked, limit: asked.limit + 1 }, now);
    const page = pageOf(ids, asked.limit, (id) => id);
    const partners = new Map((await partnersOf(db, page.items)).map((row) => [row.id, row]));
    const waiting = await pendingOf(db, page.items, now);
    const show = (id: PartnerId): PartnerView[] => {
      const partner = partners.get(id);
      if (partner !== undefined) return [partnerView(partner)];
      const registrations = waiting.filter((row) => row.partner_id === id);
      return registrations.length === 0 ? [] : [pendingPartner(id, registrations)];
    };
    return { ...page, items: page.items.flatMap(show) };
  }

  /** All there is to see: for the operator and the partner itself. */
  async #whole(id: PartnerId): Promise<PartnerView> {
    const partner = await findPartner(this.database.db, id);
    if (partner === undefined) return pendingPartner(id, await this.#waiting(id));
    const keys = await standingKeys(this.database.db, id);
    return {
      ...partnerView(partner),
      keys: keys.map((key) => ({
        ...keySummary(key),
        status: key.status === 'active' ? 'active' : 'retired',
      })),
    };
  }

  // Several may wait for one id: each sees what its own key is part of, and no more.
  async #ownStatus({ id, jkt, status }: Caller, wanted: PartnerId): Promise<PartnerView> {
    if (wanted !== id) throw new Refused('partner_inactive');
    if (status !== 'pending') return { id, status };
    const waiting = await this.#waiting(id);
    return pendingPartner(
      id,
      waiting.filter((row) => row.keys.some((key) => key.jkt === jkt)),
    );
  }

  #waiting(id: PartnerId): Promise<Registration[]> {
    return pendingOf(this.database.db, [id], this.clock.now());
  }
}

function pendingPartner(id: PartnerId, waiting: readonly Registration[]): PartnerView {
  if (waiting.length === 0) throw new Refused('not_found');
  return { id, status: 'pending', registrations: waiting.map(pendingView) };
}

function idInPath(id: string): PartnerId {
  if (!isPartnerId(id)) throw new Refused('not_found');
  return id;
}

import { Injectable } from '@nestjs/common';
import type { AdmittedKey } from '../../crypto/index.js';
import { EXCHANGE_ID, type PartnerId } from '../../envelope/index.js';
import { changeTrust, Clock, Database, type Db, Log, Settings } from '../../platform/index.js';
import { record } from '../audit.store.js';
import { keyFacts } from '../audited.js';
import { anyRegistered, findKey, type PartnerKeyRow, retireKey } from '../key.store.js';
import { lockPartner } from '../partner.store.js';
import { tell } from '../tell.store.js';
import { type FetchedSet, FetchKeySet, KeySetFault } from './fetch-key-set.js';
import {
  claimSources,
  everyKey,
  type Fetched,
  findSource,
  govern,
  type KeySource,
  replacePending,
  sourceFailed,
  sourceFetched,
} from './key-source.store.js';
import { type ReadSet, readKeySet } from './read-key-set.js';

const AT_ONCE = 10;
/** Longer than a fetch may take: whoever claims one and dies leaves it to the next after this. */
const CLAIM_MS = 60_000;

/** What a refresh has around it. */
@Injectable()
export class RefreshSurroundings {
  constructor(
    readonly database: Database,
    readonly settings: Settings,
    readonly clock: Clock,
    readonly log: Log,
  ) {}
}

/**
 * Keeps partners' keys as the sets at their URLs say, on a schedule and when the partner asks; nothing
 * that a token says brings this about.
 *
 * What is gone from a set is retired; what is new waits for a statement or the operator; what stands under
 * a known `kid` and is another key is refused, and the old one stays. When a set is not to be had the last
 * good one serves for a bounded time, and then its keys end.
 */
@Injectable()
export class RefreshKeys {
  constructor(
    private readonly fetch: FetchKeySet,
    private readonly around: RefreshSurroundings,
  ) {}

  /** Fetches the sets that are due. Never throws for one partner's sake. */
  async run(): Promise<void> {
    const { database, clock } = this.around;
    const now = clock.now();
    const until = new Date(now.getTime() + CLAIM_MS);
    const due = await claimSources(database.db, now, until, AT_ONCE);
    await Promise.all(due.map((source) => this.#refresh(source)));
  }

  async #refresh(source: KeySource): Promise<void> {
    const { database, settings, clock, log } = this.around;
    const partnerId = source.partner_id;
    try {
      const set = await this.fetch.run(source.url, partnerId, source);
      const changed = await this.#apply(source, set);
      log.step('keys.refreshed', { partnerId, outcome: 'fetched', ...changed });
    } catch (error) {
      if (!(error instanceof KeySetFault)) throw error;
      const dueAt = new Date(clock.now().getTime() + settings.JWKS_REFRESH_MIN_MS);
      await sourceFailed(database.db, partnerId, error.reason, dueAt);
      log.step('keys.refreshed', { partnerId, outcome: error.reason });
    }
  }

  async #apply(source: KeySource, set: FetchedSet): Promise<object> {
    const { database, settings, clock } = this.around;
    const at = clock.now();
    const dueAt = new Date(at.getTime() + set.freshMs);
    const goodUntil = new Date(dueAt.getTime() + settings.JWKS_STALE_MS);
    const fetched = { set, at, dueAt, goodUntil };
    if (set.json === undefined) {
      await sourceFetched(database.db, source, fetched);
      return {};
    }
    return changeTrust(database.db, async (tx) => {
      const partner = await lockPartner(tx, source.partner_id);
      // Another URL, or none, by now: what came from this one means nothing any more.
      const still = await findSource(tx, source.partner_id);
      if (partner === undefined || still?.url !== source.url) return {};
      const read = await readKeySet(set.json, partner.rs256_allowed);
      await sourceFetched(tx, source, fetched);
      return this.#follow(tx, partner.id, read, fetched);
    });
  }

  async #follow(
    tx: Db,
    owner: PartnerId,
    read: ReadSet,
    { at, goodUntil }: Fetched,
  ): Promise<object> {
    const known = await everyKey(tx, owner);
    const differing = read.keys.filter((key) => isAnother(key, known)).map(({ kid }) => kid);
    const same = known.filter((row) => read.keys.some((key) => isSame(key, row)));
    const gone = known.filter((row) => isGoverned(row) && !read.kids.has(row.kid));
    const fresh = read.keys.filter((key) => known.every((row) => row.kid !== key.kid));
    const pending = await unregistered(tx, fresh);
    await govern(
      tx,
      owner,
      same.map((row) => row.kid),
      goodUntil,
    );
    for (const row of gone) await retire(tx, row, at);
    await replacePending(tx, owner, pending, at);
    if (differing.length > 0)
      this.around.log.step('keys.another_under_kid', { partnerId: owner, kids: differing });
    await tell(tx, 'keys', owner);
    return { retired: gone.length, pending: pending.length, refused: differing.length };
  }
}

function isSame(key: AdmittedKey, row: PartnerKeyRow): boolean {
  return key.kid === row.kid && key.jkt === row.jkt && row.status === 'active';
}

function isAnother(key: AdmittedKey, known: readonly PartnerKeyRow[]): boolean {
  return known.some((row) => row.kid === key.kid && row.jkt !== key.jkt);
}

function isGoverned(row: PartnerKeyRow): boolean {
  return row.good_until !== null && row.status === 'active';
}

async function unregistered(tx: Db, keys: readonly AdmittedKey[]): Promise<readonly AdmittedKey[]> {
  const free: AdmittedKey[] = [];
  for (const key of keys) if (!(await anyRegistered(tx, [key.jkt]))) free.push(key);
  return free;
}

/** Also the last one: who takes a key out of its set does not want it used. */
async function retire(tx: Db, row: PartnerKeyRow, at: Date): Promise<void> {
  const { partner_id: partner, kid } = row;
  await retireKey(tx, partner, kid, at);
  const retired = (await findKey(tx, partner, kid)) ?? row;
  await record(tx, {
    by: { scope: 'exchange', id: EXCHANGE_ID },
    at,
    action: 'key.retired',
    partner,
    target: kid,
    from: keyFacts(row),
    to: keyFacts(retired),
  });
}

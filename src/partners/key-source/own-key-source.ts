import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { type PartnerId, Refused } from '../../envelope/index.js';
import { type Caller, Clock, Database, type Db, Log } from '../../platform/index.js';
import { type Facts, record } from '../audit.store.js';
import type { AuditAction } from '../audited.js';
import { lockPartner } from '../partner.store.js';
import { tell } from '../tell.store.js';
import { FetchKeySet } from './fetch-key-set.js';
import {
  askForSource,
  findSource,
  type KeySource,
  pendingKeys,
  putSource,
  removeSource,
} from './key-source.store.js';
import type { KeySourceView } from './key-source.dto.js';
import { pendingKeyView } from './pending-keys.js';

/** Time between fetches that a partner asks for. */
const COOLDOWN_MS = 60_000;

/** Where a partner publishes its keys. By this alone nobody adds a key: what is new there waits. */
@Injectable()
export class OwnKeySource {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly fetch: FetchKeySet,
    private readonly log: Log,
  ) {}

  one({ id }: Caller): Promise<KeySourceView> {
    return view(this.database.db, id);
  }

  /** A worker fetches it at once; keys of the partner that are in it end with it from then on. */
  async put(by: Caller, jwksUri: string): Promise<KeySourceView> {
    const url = await this.fetch.admitUrl(jwksUri);
    await this.#change(by, 'source.put', factsOf(url), async (tx, was) => {
      if (was?.url !== url) await putSource(tx, by.id, url, this.clock.now());
    });
    return this.one(by);
  }

  /** The keys that came from it stay, as keys of their own. */
  remove(by: Caller): Promise<void> {
    return this.#change(by, 'source.removed', undefined, async (tx) => {
      if (!(await removeSource(tx, by.id))) throw new Refused('not_found');
    });
  }

  /** Has it fetched by a worker now, at most once a minute. */
  async refresh({ id }: Caller): Promise<KeySourceView> {
    const now = this.clock.now();
    const before = new Date(now.getTime() - COOLDOWN_MS);
    return this.database.db.transaction().execute(async (tx) => {
      if ((await findSource(tx, id)) === undefined) throw new Refused('not_found');
      if (!(await askForSource(tx, id, now, before)))
        throw new Refused('rate_limited', 'it was asked for within the last minute');
      await tell(tx, 'keys', id);
      return view(tx, id);
    });
  }

  async #change(
    by: Caller,
    action: AuditAction,
    to: Facts | undefined,
    work: (tx: Db, was: KeySource | undefined) => Promise<void>,
  ): Promise<void> {
    const { id } = by;
    await this.database.db.transaction().execute(async (tx) => {
      await lockPartner(tx, id);
      const was = await findSource(tx, id);
      await work(tx, was);
      const change = { by, at: this.clock.now(), action, partner: id, target: id };
      const from = was === undefined ? {} : { from: factsOf(was.url) };
      await record(tx, { ...change, ...from, ...(to === undefined ? {} : { to }) });
      await tell(tx, 'keys', id);
    });
    this.log.step(action, { partnerId: id });
  }
}

/** Paths may be secrets: the trail tells them apart by their digest. */
function factsOf(url: string): Facts {
  const urlSha256 = createHash('sha256').update(url).digest('base64url');
  return { origin: new URL(url).origin, urlSha256 };
}

async function view(db: Db, owner: PartnerId): Promise<KeySourceView> {
  const source = await findSource(db, owner);
  if (source === undefined) throw new Refused('not_found');
  const { fetched_at: fetchedAt, good_until: goodUntil } = source;
  return {
    jwksUri: source.url,
    status: statusOf(source),
    ...(fetchedAt === null ? {} : { fetchedAt }),
    ...(goodUntil === null ? {} : { goodUntil }),
    nextFetchAt: source.due_at,
    pending: (await pendingKeys(db, owner)).map(pendingKeyView),
  };
}

// Which fault it was would tell an open port from a closed one: that is for the operator's log.
function statusOf({ failure, sha256 }: KeySource): KeySourceView['status'] {
  if (failure !== null) return 'failing';
  return sha256 === null ? 'new' : 'good';
}

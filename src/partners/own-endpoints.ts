import { Injectable } from '@nestjs/common';
import { timingSafeEqual } from 'node:crypto';
import { randomToken } from '../crypto/index.js';
import { Egress } from '../egress/index.js';
import { type PartnerId, Refused } from '../envelope/index.js';
import {
  type Caller,
  changeTrust,
  Clock,
  Database,
  isUuid,
  Log,
  type Db,
  uuidV7,
} from '../platform/index.js';
import { record } from './audit.store.js';
import { type AuditAction, endpointFacts } from './audited.js';
import {
  changeEndpoint,
  countEndpoints,
  deleteEndpoint,
  type Endpoint,
  type EndpointChange,
  findEndpoint,
  insertEndpoint,
  lockEndpoint,
  pageOfEndpoints,
} from './endpoint.store.js';
import type { EndpointBody, EndpointPatch, EndpointView } from './endpoints.dto.js';
import { mapPage, type Page, type PageAsked, pageOf } from './page.js';
import { lockPartner } from './partner.store.js';
import { tell } from './tell.store.js';
import { endpointView, uuidInPath } from './views.js';

const MAX_ENDPOINTS = 20;
/** Time between verifications that an owner asks for: the URL may be somebody else's. */
const RESEND_MS = 60_000;

/** A recipient's webhooks. None is called with envelopes before it was shown to be the recipient's. */
@Injectable()
export class OwnEndpoints {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly egress: Egress,
    private readonly log: Log,
  ) {}

  async list({ id }: Caller, asked: PageAsked): Promise<Page<EndpointView>> {
    if (asked.after !== undefined && !isUuid(asked.after))
      throw new Refused('validation_failed', 'after must be "next" of the page before');
    const rows = await pageOfEndpoints(this.database.db, id, { ...asked, limit: asked.limit + 1 });
    return mapPage(
      pageOf(rows, asked.limit, (row) => row.id),
      endpointView,
    );
  }

  async one({ id }: Caller, wanted: string): Promise<EndpointView> {
    const endpoint = await findEndpoint(this.database.db, id, uuidInPath(wanted));
    if (endpoint === undefined) throw new Refused('not_found');
    return endpointView(endpoint);
  }

  async create(by: Caller, body: EndpointBody): Promise<EndpointView> {
    const { id } = by;
    const now = this.clock.now();
    const endpoint: Endpoint = {
      id: uuidV7(now),
      partner_id: id,
      types: body.types,
      senders: body.senders,
      format: body.format,
      ...toVerify(await this.egress.admitUrl(body.url), now),
      created_at: now,
      updated_at: now,
    };
    await this.database.db.transaction().execute(async (tx) => {
      await lockPartner(tx, id);
      if ((await countEndpoints(tx, id)) >= MAX_ENDPOINTS)
        throw new Refused('conflict', `at most ${MAX_ENDPOINTS} endpoints`);
      await insertEndpoint(tx, endpoint);
      const change = { by, at: now, partner: id, target: endpoint.id, to: endpointFacts(endpoint) };
      await record(tx, { ...change, action: 'endpoint.created' });
      await tellAll(tx, id);
    });
    this.#note('endpoint.created', endpoint);
    return endpointView(endpoint);
  }

  async patch(by: Caller, wanted: string, patch: EndpointPatch): Promise<EndpointView> {
    const url = patch.url === undefined ? undefined : await this.egress.admitUrl(patch.url);
    const decide: Decide = (endpoint, now) => ({
      ...(patch.types === undefined ? {} : { types: patch.types }),
      ...(patch.senders === undefined ? {} : { senders: patch.senders }),
      ...(url === undefined || url === endpoint.url ? {} : toVerify(url, now)),
    });
    return this.#change(by, wanted, 'endpoint.changed', decide, changeTrust);
  }

  /** With the right challenge the endpoint is active; without one another verification is sent. */
  verify(by: Caller, wanted: string, challenge?: string): Promise<EndpointView> {
    return this.#change(by, wanted, 'endpoint.verified', (endpoint, now) =>
      challenge === undefined ? sendAgain(endpoint, now) : proveOwned(endpoint, challenge),
    );
  }

  /** Only an endpoint that was active is ever disabled, so it was verified and its URL is the same. */
  enable(by: Caller, wanted: string): Promise<EndpointView> {
    return this.#change(by, wanted, 'endpoint.enabled', (endpoint) => {
      if (endpoint.status === 'unverified') throw new Refused('conflict', 'verify it first');
      return endpoint.status === 'active' ? undefined : ACTIVE;
    });
  }

  /** What waits for it goes to the inbox. */
  async delete(by: Caller, wanted: string): Promise<void> {
    const { id } = by;
    const endpointId = uuidInPath(wanted);
    await changeTrust(this.database.db, async (tx) => {
      const was = await lockEndpoint(tx, id, endpointId);
      if (was === undefined) throw new Refused('not_found');
      await deleteEndpoint(tx, endpointId);
      const change = { by, at: this.clock.now(), partner: id, target: endpointId };
      await record(tx, { ...change, action: 'endpoint.deleted', from: endpointFacts(was) });
      await tell(tx, 'keys', id);
      await tell(tx, 'inbox', id);
    });
    this.log.step('endpoint.deleted', { partnerId: id, endpointId });
  }

  /** Changes what `decide` says, if anything, of an endpoint that nobody else changes meanwhile. */
  async #change(
    by: Caller,
    wanted: string,
    action: AuditAction,
    decide: Decide,
    run: typeof changeTrust = openTrust,
  ): Promise<EndpointView> {
    const id = uuidInPath(wanted);
    const endpoint = await run(this.database.db, async (tx) => {
      const existing = await lockEndpoint(tx, by.id, id);
      if (existing === undefined) throw new Refused('not_found');
      const now = this.clock.now();
      const change = decide(existing, now);
      if (change === undefined || Object.keys(change).length === 0) return existing;
      const changed = await changeEndpoint(tx, id, change, now);
      const [from, to] = [endpointFacts(existing), endpointFacts(changed)];
      // Another verification that is sent changes nothing of what the endpoint is.
      if (JSON.stringify(from) !== JSON.stringify(to))
        await record(tx, { by, at: now, action, partner: by.id, target: id, from, to });
      await tellAll(tx, by.id);
      return changed;
    });
    this.#note(action, endpoint);
    return endpointView(endpoint);
  }

  #note(event: string, { id, partner_id, status }: Endpoint): void {
    this.log.step(event, { partnerId: partner_id, endpointId: id, status });
  }
}

type Decide = (endpoint: Endpoint, now: Date) => EndpointChange | undefined;

// What only gives trust need not wait for whoever relies on it.
const openTrust: typeof changeTrust = (db, work) => db.transaction().execute(work);

/** An endpoint that got past its challenge. */
const ACTIVE = { status: 'active', status_reason: null, challenge_due_at: null } as const;

/** A URL of which nobody has shown yet whose it is; the worker sends the challenge there. */
function toVerify(url: string, now: Date) {
  return {
    url,
    status: 'unverified',
    status_reason: null,
    challenge: randomToken(),
    challenge_tries: 0,
    challenge_due_at: now,
  } as const;
}

// The challenge stays: a verification that was slow to arrive still answers for the same URL.
function sendAgain(endpoint: Endpoint, now: Date): EndpointChange | undefined {
  if (endpoint.status === 'disabled') throw new Refused('conflict', 'enable it');
  if (endpoint.status === 'active' || endpoint.challenge_due_at !== null) return undefined;
  if (now.getTime() - endpoint.updated_at.getTime() < RESEND_MS)
    throw new Refused('rate_limited', 'a verification was sent within the last minute');
  return { challenge_tries: 0, challenge_due_at: now, status_reason: null };
}

function proveOwned(endpoint: Endpoint, challenge: string): EndpointChange | undefined {
  if (!sameText(challenge, endpoint.challenge)) throw new Refused('validation_failed', 'challenge');
  return endpoint.status === 'active' ? undefined : ACTIVE;
}

/** In a time that says nothing of where they differ. */
function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function tellAll(tx: Db, owner: PartnerId): Promise<void> {
  await tell(tx, 'keys', owner);
  await tell(tx, 'outbox');
}

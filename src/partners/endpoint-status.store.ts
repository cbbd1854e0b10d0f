import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import { changeTrust, Clock, Database, type Db } from '../platform/index.js';
import { type Author, record } from './audit.store.js';
import { type AuditAction, endpointFacts } from './audited.js';
import type { Endpoint } from './endpoint.store.js';
import { tell } from './tell.store.js';

/** An endpoint whose owner has to show that it is theirs. */
export interface Challenge {
  readonly endpointId: string;
  readonly owner: PartnerId;
  readonly url: string;
  readonly challenge: string;
}

const CHALLENGE_TRIES = 5;
const CHALLENGE_WAIT_SECONDS = 10;

/** What nobody asked for: the exchange does it because of what an endpoint answered. */
const EXCHANGE: Author = { scope: 'exchange', id: 'sealpost' };

/** What delivery says about endpoints: disabled, challenged, verified. */
@Injectable()
export class EndpointStatus {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Stops deliveries to the endpoint; what waits for it is held until `enable` or `exp`. Idempotent. */
  async disable(endpointId: string, reason: string): Promise<void> {
    await changeTrust(this.database.db, async (tx) => {
      const endpoint = await tx
        .updateTable('endpoint')
        .set({ status: 'disabled', status_reason: reason, updated_at: this.clock.now() })
        .where('id', '=', endpointId)
        .where('status', '=', 'active')
        .returningAll()
        .executeTakeFirst();
      if (endpoint !== undefined) await this.#record(tx, 'endpoint.disabled', 'active', endpoint);
    });
  }

  /** Claims challenges that are due, each for one try; at most a few tries are ever made. */
  async dueChallenges(most: number): Promise<readonly Challenge[]> {
    const now = this.clock.now();
    const { rows } = await sql<Challenge>`
      update endpoint set challenge_tries = challenge_tries + 1,
        challenge_due_at = case when challenge_tries + 1 >= ${CHALLENGE_TRIES} then null
          else ${now}::timestamptz
            + make_interval(secs => ${CHALLENGE_WAIT_SECONDS} * (challenge_tries + 1)) end
      where id in (
        select id from endpoint where status = 'unverified' and challenge_due_at <= ${now}
        order by challenge_due_at limit ${most} for update skip locked
      )
      returning id as "endpointId", partner_id as owner, url, challenge`.execute(this.database.db);
    return rows;
  }

  /** The owner answered the challenge at this URL. False: it was changed meanwhile. */
  async verified({ endpointId, url, challenge }: Challenge): Promise<boolean> {
    return this.database.db.transaction().execute(async (tx) => {
      const made = await tx
        .updateTable('endpoint')
        .set({
          status: 'active',
          status_reason: null,
          challenge_due_at: null,
          updated_at: this.clock.now(),
        })
        .where('id', '=', endpointId)
        .where('url', '=', url)
        .where('challenge', '=', challenge)
        .where('status', '=', 'unverified')
        .returningAll()
        .executeTakeFirst();
      if (made === undefined) return false;
      await this.#record(tx, 'endpoint.verified', 'unverified', made);
      await tell(tx, 'keys', made.partner_id);
      await tell(tx, 'outbox');
      return true;
    });
  }

  async #record(tx: Db, action: AuditAction, was: string, endpoint: Endpoint): Promise<void> {
    const { id: target, partner_id: partner, updated_at: at } = endpoint;
    const change = { by: EXCHANGE, at, action, partner, target };
    await record(tx, { ...change, from: { status: was }, to: endpointFacts(endpoint) });
  }
}

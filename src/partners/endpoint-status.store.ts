import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import { changeTrust, Clock, Database } from '../platform/index.js';

/** An endpoint whose owner has to show that it is theirs. */
export interface Challenge {
  readonly endpointId: string;
  readonly owner: PartnerId;
  readonly url: string;
  readonly challenge: string;
}

const CHALLENGE_TRIES = 5;
const CHALLENGE_WAIT_SECONDS = 10;

/** What delivery says about endpoints: disabled, challenged, verified. */
@Injectable()
export class EndpointStatus {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Stops deliveries to the endpoint; what waits for it is held until `enable` or `exp`. Idempotent. */
  async disable(endpointId: string, reason: string): Promise<void> {
    await changeTrust(this.database.db, (tx) =>
      tx
        .updateTable('endpoint')
        .set({ status: 'disabled', status_reason: reason, updated_at: this.clock.now() })
        .where('id', '=', endpointId)
        .where('status', '=', 'active')
        .execute(),
    );
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
    const { rows } = await sql`
      with made as (
        update endpoint set status = 'active', status_reason = null, challenge_due_at = null,
          updated_at = ${this.clock.now()}
        where id = ${endpointId} and url = ${url} and challenge = ${challenge}
          and status = 'unverified'
        returning partner_id
      )
      select pg_notify('keys', partner_id), pg_notify('outbox', '') from made`.execute(
      this.database.db,
    );
    return rows.length === 1;
  }
}

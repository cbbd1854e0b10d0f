import { type Kysely, sql } from 'kysely';
import { EXCHANGE_ID } from '../envelope/index.js';
import { LOCKS, type Tables } from '../platform/index.js';
import type { AttemptJob } from './deliveries.store.js';

export interface Admission {
  readonly at: Date;
  /** When an admitted attempt counts as lost by the queue. */
  readonly until: Date;
  readonly perEndpoint: number;
  /** Over all endpoints of one partner. */
  readonly perRecipient: number;
  readonly most: number;
}

/** The outbox: deliveries whose next attempt is not yet in the queue. */
export class OutboxStore {
  constructor(private readonly db: Kysely<Tables>) {}

  /**
   * Moves due deliveries from `waiting` to `queued`, oldest first, at most `perEndpoint` in flight for
   * each endpoint: the rest waits here, so that nobody's backlog reaches the queue that all share.
   * Endpoints that are not active and suspended partners hold theirs.
   */
  admit(admission: Admission): Promise<readonly AttemptJob[]> {
    return this.db.transaction().execute(async (tx) => {
      // One pass at a time over all processes: two at once would each count the same room.
      await sql`select pg_advisory_xact_lock(${sql.lit(LOCKS.relay)})`.execute(tx);
      const { rows } = await admitStatement(admission).execute(tx);
      return rows;
    });
  }

  /** Attempts that were queued but not begun in time: adding them again is harmless. */
  async overdue(at: Date, until: Date, most: number): Promise<readonly AttemptJob[]> {
    const { rows } = await sql<AttemptJob>`
      update delivery set until = ${until} where id in (
        select id from delivery where state = 'queued' and until <= ${at} order by until limit ${most}
        for update skip locked
      ) and state = 'queued' returning id as "deliveryId", attempt + 1 as attempt`.execute(this.db);
    return rows;
  }

  /** Puts one back that must not begin now: its endpoint is disabled or a partner suspended. */
  async putBack(job: AttemptJob, nextAttemptAt: Date): Promise<void> {
    await sql`
      update delivery d set state = case when e.id is null then 'available' else 'waiting' end,
        endpoint_id = e.id, until = null,
        next_attempt_at = case when e.id is null then null else ${nextAttemptAt}::timestamptz end
      from delivery self left join endpoint e on e.id = self.endpoint_id
      where self.id = d.id and d.id = ${job.deliveryId} and d.state = 'queued'
        and d.attempt = ${job.attempt - 1}`.execute(this.db);
  }

  /**
   * Moves to the inbox what waits for an endpoint that is gone: an attempt that ended just while its
   * endpoint was deleted can see neither that it is gone nor be seen to wait.
   */
  async adoptOrphans(): Promise<void> {
    await sql`
      with recursive busy as (
        (select endpoint_id from delivery where state = 'waiting' order by endpoint_id limit 1)
        union all
        select (select d.endpoint_id from delivery d
          where d.state = 'waiting' and d.endpoint_id > b.endpoint_id order by d.endpoint_id limit 1)
        from busy b where b.endpoint_id is not null
      ), adopted as (
        update delivery set state = 'available', endpoint_id = null, next_attempt_at = null
        where state = 'waiting' and endpoint_id in (
          select b.endpoint_id from busy b
          where not exists (select 1 from endpoint e where e.id = b.endpoint_id))
        returning recipient
      )
      select pg_notify('inbox', recipient) from (select distinct recipient from adopted) a`.execute(
      this.db,
    );
  }

  /** When the next delivery becomes due, if any waits for a time. */
  async nextDue(after: Date): Promise<Date | undefined> {
    const { rows } = await sql<{ at: Date | null }>`/* prepared: next-due */
      select min(next_attempt_at) as at from delivery
      where state = 'waiting' and next_attempt_at > ${after}`.execute(this.db);
    return rows[0]?.at ?? undefined;
  }
}

function admitStatement({
  at,
  until,
  perEndpoint,
  perRecipient,
  most,
}: Admission): ReturnType<typeof sql<AttemptJob>> {
  return sql<AttemptJob>`/* prepared: admit-attempts */
    with recursive busy as (
      -- a loose index scan: cost follows the endpoints that wait, not the deliveries
      (select endpoint_id from delivery where state = 'waiting' order by endpoint_id limit 1)
      union all
      select (select d.endpoint_id from delivery d
        where d.state = 'waiting' and d.endpoint_id > b.endpoint_id order by d.endpoint_id limit 1)
      from busy b where b.endpoint_id is not null
    ), due as (
      select d.id, e.partner_id, row_number() over (
        partition by e.partner_id order by d.next_attempt_at, d.seq) as nth
      from busy b
      join endpoint e on e.id = b.endpoint_id and e.status = 'active'
      join partner r on r.id = e.partner_id and r.status = 'active'
      cross join lateral (
        select greatest(${perEndpoint}::integer - count(*), 0) as room from delivery
        where recipient = e.partner_id and endpoint_id = e.id
          and state in ('queued', 'delivering')
      ) free
      cross join lateral (
        select w.id, w.next_attempt_at, w.seq from delivery w
        where w.endpoint_id = e.id and w.state = 'waiting' and w.next_attempt_at <= ${at}
          and (w.sender = ${sql.lit(EXCHANGE_ID)} or exists (
            select 1 from partner s where s.id = w.sender and s.status = 'active'))
        order by w.next_attempt_at, w.seq limit free.room
      ) d
    ), admitted as (
      -- so that one with many endpoints cannot fill every worker
      select due.id from due
      where nth <= ${perRecipient}::integer - (select count(*) from delivery
        where recipient = due.partner_id and state in ('queued', 'delivering'))
      limit ${most}
    )
    -- an array: found once, whatever the planner takes a table without statistics for
    update delivery set state = 'queued', next_attempt_at = null, until = ${until}
    where id = any(array(select id from admitted)) and state = 'waiting'
    returning id as "deliveryId", attempt + 1 as attempt`;
}

import { type Kysely, sql } from 'kysely';
import type { PartnerId, ReceiptState, State } from '../envelope/index.js';
import { MicroBatch, type Tables } from '../platform/index.js';
import { column } from './rows.js';

/** One guarded step of one delivery. */
export interface Move {
  readonly deliveryId: string;
  /** The step is made only from one of these states … */
  readonly from: readonly State[];
  /** … and only while this is the number of attempts begun. */
  readonly attempt: number;
  readonly to: State;
  readonly at: Date;
  /** With `waiting`: when the next attempt is due. */
  readonly nextAttemptAt?: Date;
  /** HTTP status that the endpoint answered. */
  readonly status?: number;
  /** A word for why: a reason code, a fault or the recipient's `err`. */
  readonly reason?: string;
  /** Signed beforehand; stored in the transaction of its state. */
  readonly receipt?: { readonly state: ReceiptState; readonly token: string };
}

const BATCH = { maxItems: 128, writers: 2 };

/** Records how attempts, leases and deliveries end: each a guarded, idempotent step. */
export class OutcomesStore {
  readonly #batch: MicroBatch<Move, boolean>;

  constructor(
    private readonly db: Kysely<Tables>,
    private readonly issuer: string,
  ) {
    this.#batch = new MicroBatch((moves) => this.#write(moves), BATCH);
  }

  /**
   * Makes the step after its guard, with the end of its attempt and its receipt, in one commit. False:
   * the delivery was not in that state or attempt any more, and nothing was changed.
   */
  record(move: Move): Promise<boolean> {
    return this.#batch.add(move);
  }

  async #write(moves: readonly Move[]): Promise<readonly boolean[]> {
    const { rows } = await recordAll(moves, this.issuer).execute(this.db);
    return rows.map((row) => row.made);
  }
}

function recordAll(
  moves: readonly Move[],
  issuer: string,
): ReturnType<typeof sql<{ made: boolean }>> {
  return sql<{ made: boolean }>`/* prepared: record-outcomes */
    with input as (
      select * from unnest(${column(moves, 'uuid', (m) => m.deliveryId)},
        ${column(moves, 'text', (m) => m.from.join(','))},
        ${column(moves, 'integer', (m) => m.attempt)},
        ${column(moves, 'text', (m) => m.to)},
        ${column(moves, 'timestamptz', (m) => m.at)},
        ${column(moves, 'timestamptz', (m) => m.nextAttemptAt ?? null)},
        ${column(moves, 'integer', (m) => m.status ?? null)},
        ${column(moves, 'text', (m) => m.reason ?? null)},
        ${column(moves, 'text', (m) => m.receipt?.state ?? null)},
        ${column(moves, 'text', (m) => m.receipt?.token ?? null)}
      ) with ordinality as t(id, come_from, attempt, go_to, at, next_attempt_at, status, reason,
        receipt_state, receipt, n)
    ), one as (
      select distinct on (id) * from input order by id, n
    ), target as (
      -- deleting an endpoint moves what waits for it to the inbox; what was in flight follows here
      select o.*, o.go_to = 'waiting' and e.id is null as to_inbox
      from one o join delivery d on d.id = o.id left join endpoint e on e.id = d.endpoint_id
    ), made as (
      update delivery d set
        state = case when t.to_inbox then 'available' else t.go_to end,
        endpoint_id = case when t.to_inbox then null else d.endpoint_id end,
        next_attempt_at = case when t.to_inbox then null else t.next_attempt_at end,
        until = null,
        ended_at = case when t.go_to in ('waiting', 'available') then null else t.at end,
        status = t.status,
        reason = t.reason
      from target t
      where d.id = t.id and d.attempt = t.attempt and d.state = any(string_to_array(t.come_from, ','))
      returning d.id, d.envelope_id, d.sender, d.recipient, t.attempt, t.go_to, t.at, t.status,
        t.reason, t.receipt_state, t.receipt, t.n, d.state = 'available' as open
    ), noted as (
      update attempt a set ended_at = m.at, outcome = case m.go_to when 'waiting' then 'failed'
          when 'available' then 'lease_expired' else m.go_to end, status = m.status, reason = m.reason
      from made m where a.delivery_id = m.id and a.number = m.attempt and a.ended_at is null
    ), receipted as (
      insert into receipt (envelope_id, delivery_id, issuer, state, sender, recipient, created_at, token)
      select envelope_id, id, ${issuer}, receipt_state, sender, recipient, at, receipt
      from made where receipt is not null on conflict do nothing
    ), woken as (
      select (select pg_notify('inbox', names) from (
        select string_agg(distinct recipient, ',') as names from made where open) x
        where names is not null)::text as inbox
    )
    select i.n, m.id is not null as made, w.inbox
    from input i left join made m on m.n = i.n cross join woken w order by i.n`;
}

/** A delivery whose attempt or lease ran past its bound: its worker or poller is gone. */
export interface Lost {
  readonly deliveryId: string;
  readonly state: 'delivering' | 'leased';
  readonly attempt: number;
  readonly sender: PartnerId;
  readonly exp: Date;
}

/** Attempts and leases whose bound has passed, oldest first. */
export async function findLost(
  db: Kysely<Tables>,
  at: Date,
  most: number,
): Promise<readonly Lost[]> {
  const { rows } = await sql<Lost>`
    select id as "deliveryId", state, attempt, sender, exp from delivery
    where until <= ${at} and state in ('delivering', 'leased') order by until limit ${most}`.execute(
    db,
  );
  return rows;
}

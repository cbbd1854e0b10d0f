import { type Kysely, sql } from 'kysely';
import { EXCHANGE_ID, type PartnerId } from '../envelope/index.js';
import { MicroBatch, type Tables, underTrust } from '../platform/index.js';
import {
  type DeliveryFacts,
  FACTS,
  FACTS_JOINS,
  factsOf,
  type FactsRow,
} from './delivery-facts.js';
import { ALG_OF_KEY, column } from './rows.js';

/** One attempt of one delivery: all that a job carries. */
export interface AttemptJob {
  readonly deliveryId: string;
  readonly attempt: number;
}

export interface Begun {
  /** False: the delivery may not begin this attempt; `facts` say why. */
  readonly begun: boolean;
  /** Undefined: there is no such delivery. */
  readonly facts: DeliveryFacts | undefined;
}

export interface LeaseBegun {
  /** False: verification will say why; it was not leased. */
  readonly begun: boolean;
  readonly facts: DeliveryFacts;
}

interface Beginning extends AttemptJob {
  readonly at: Date;
  readonly until: Date;
}

const BATCH = { maxItems: 64, writers: 2 };

/** Begins attempts and leases: each is on disk before anything is sent or shown. */
export class DeliveriesStore {
  readonly #beginnings: MicroBatch<Beginning, Begun>;

  constructor(private readonly db: Kysely<Tables>) {
    this.#beginnings = new MicroBatch((items) => this.#beginAll(items), BATCH);
  }

  /**
   * Compare-and-set from `queued` to `delivering`, recorded as an attempt, under the commit rule: not
   * when the job is stale or a duplicate, the key revoked, the grant withdrawn, a partner suspended, the
   * endpoint inactive or the time over.
   */
  begin(job: AttemptJob, at: Date, until: Date): Promise<Begun> {
    return this.#beginnings.add({ ...job, at, until });
  }

  /**
   * Leases up to `most` deliveries of the recipient's inbox, oldest first and at most `maxBytes` of
   * bodies, each recorded as an attempt. Concurrent pollers never get the same one inside a lease.
   *
   * Under the commit rule too: what a revoked key or a withdrawn grant forbids comes back as not begun,
   * to be rejected; where a partner is suspended it is held and does not come at all.
   */
  lease(
    recipient: PartnerId,
    { most, maxBytes, at, until }: { most: number; maxBytes: number; at: Date; until: Date },
  ): Promise<readonly LeaseBegun[]> {
    return underTrust(this.db, async (tx) => {
      const { rows } = await sql<FactsRow & { begun: boolean }>`
        with open as (
          select d.id, d.bytes, d.seq from delivery d
          join partner r on r.id = d.recipient and r.status = 'active'
          where d.recipient = ${recipient} and (d.state = 'available'
            or (d.state = 'leased' and d.until <= ${at})) and d.exp > ${at} and ${IS_SENDING}
          order by d.seq limit ${most} for update of d skip locked
        ), fitting as (
          select id from (select id, sum(bytes) over (order by seq) - bytes as before from open) x
          where before < ${maxBytes}
        ), allowed as (
          select f.id from fitting f join delivery d on d.id = f.id
          join envelope v on v.id = d.envelope_id where ${IS_ALLOWED}
        ), leased as (
          update delivery d set state = 'leased', attempt = d.attempt + 1, until = ${until}
          from allowed a where d.id = a.id returning d.*
        ), noted as (
          insert into attempt (delivery_id, number, began_at)
          select id, attempt, ${at} from leased
        ), run_out as (
          -- the lease before this one, if no sweep has seen its end yet
          update attempt a set ended_at = ${at}, outcome = 'lease_expired', reason = 'lease_expired'
          from leased l
          where a.delivery_id = l.id and a.number = l.attempt - 1 and a.ended_at is null
        ), found as (
          select true as begun, l.* from leased l union all
          select false, d.* from delivery d join fitting f on f.id = d.id
          where not exists (select 1 from allowed a where a.id = f.id)
        )
        ${FACTS}, d.begun from found d ${FACTS_JOINS} order by d.seq`.execute(tx);
      return rows.map((row) => ({ begun: row.begun, facts: factsOf(row) }));
    });
  }

  /** True when a poll that asked now would find something. */
  async anyOpen(recipient: PartnerId, at: Date): Promise<boolean> {
    const { rows } = await sql`
      select 1 from delivery d
      where d.recipient = ${recipient} and (d.state = 'available'
        or (d.state = 'leased' and d.until <= ${at})) and d.exp > ${at} and ${IS_SENDING} limit 1`.execute(
      this.db,
    );
    return rows.length > 0;
  }

  /** The recipient's deliveries among `ids` that were leased once and have not ended. */
  async leasedOnce(
    recipient: PartnerId,
    ids: readonly string[],
  ): Promise<readonly DeliveryFacts[]> {
    if (ids.length === 0) return [];
    const { rows } = await sql<FactsRow>`
      ${FACTS} from delivery d ${FACTS_JOINS}
      where d.id = any(${ids}::uuid[]) and d.recipient = ${recipient} and d.attempt > 0
        and d.state in ('available', 'leased')`.execute(this.db);
    return rows.map(factsOf);
  }

  /** Deliveries whose time is over and that no attempt holds, oldest first. */
  async overdue(at: Date, most: number): Promise<readonly DeliveryFacts[]> {
    const { rows } = await sql<FactsRow>`
      ${FACTS} from delivery d ${FACTS_JOINS}
      where d.ended_at is null and d.exp <= ${at} and d.state <> 'delivering'
        and not (d.state = 'leased' and d.until > ${at})
      order by d.exp limit ${most}`.execute(this.db);
    return rows.map(factsOf);
  }

  async #beginAll(items: readonly Beginning[]): Promise<readonly Begun[]> {
    const { rows } = await underTrust(this.db, (tx) => beginStatement(items).execute(tx));
    return rows.map((row, i) => {
      const facts = row.id === null ? undefined : factsOf(row);
      const job = items[i];
      if (facts === undefined || job === undefined || !row.begun) return { begun: false, facts };
      // The statement's own snapshot shows the row as it was before.
      return { begun: true, facts: { ...facts, state: 'delivering', attempt: job.attempt } };
    });
  }
}

/** The sender is active; the exchange itself always is. */
const IS_SENDING = sql`(d.sender = ${sql.lit(EXCHANGE_ID)}
  or exists (select 1 from partner s where s.id = d.sender and s.status = 'active'))`;

/**
 * What the envelope `v` was accepted with still allows it: keys and grant. Of the exchange's own this says
 * nothing: its signature is verified with the exchange's keys, as is everything before it is handed over.
 *
 * Scalar subqueries here and below, not `exists`: that would become a join, which the planner may begin at
 * the key and walk through all that was ever signed with it.
 */
const IS_ALLOWED = sql`(v.iss = ${sql.lit(EXCHANGE_ID)} or coalesce((select true from partner_key k
    join partner_grant g on g.recipient = v.aud and g.sender = v.iss
      and matches_type(g.types, v.type) and (v.sealed or not g.sealed_only)
      and (g.algorithms is null or ${ALG_OF_KEY} = any(g.algorithms))
    where k.partner_id = v.iss and k.kid = v.kid and key_still_holds(k, v.accepted_at)), false)
  and not exists (select 1 from partner_key e where e.partner_id = v.aud and e.kid = v.sealed_to
    and not key_still_holds(e, v.accepted_at)))`;

// A key that was retired, or whose time ran out, after acceptance still delivers.
function beginStatement(
  items: readonly Beginning[],
): ReturnType<typeof sql<FactsRow & { begun: boolean }>> {
  return sql<FactsRow & { begun: boolean }>`/* prepared: begin-attempts */
    with input as (
      select * from unnest(${column(items, 'uuid', (b) => b.deliveryId)},
        ${column(items, 'integer', (b) => b.attempt)},
        ${column(items, 'timestamptz', (b) => b.at)},
        ${column(items, 'timestamptz', (b) => b.until)}
      ) with ordinality as t(id, attempt, at, until, n)
    ), one as (
      -- a duplicate job in one batch must not begin twice
      select distinct on (id) * from input order by id, n
    ), begun as (
      update delivery d set state = 'delivering', attempt = o.attempt, until = o.until
      from one o
      where d.id = o.id and d.state = 'queued' and d.attempt = o.attempt - 1 and d.exp > o.at
        and (select true from endpoint e join partner r on r.id = e.partner_id
          where e.id = d.endpoint_id and e.partner_id = d.recipient
            and e.status = 'active' and r.status = 'active')
        and ${IS_SENDING}
        and (select ${IS_ALLOWED} from envelope v where v.id = d.envelope_id)
      returning d.*, o.n, o.at
    ), noted as (
      insert into attempt (delivery_id, number, began_at) select id, attempt, at from begun
    )
    ${FACTS}, b.id is not null as begun
    from input i
    left join begun b on b.n = i.n
    left join delivery d on d.id = i.id
    ${FACTS_JOINS}
    order by i.n`;
}

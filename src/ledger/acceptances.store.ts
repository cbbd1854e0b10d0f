import { type Kysely, type RawBuilder, sql } from 'kysely';
import { EXCHANGE_ID, LEEWAY_SECONDS, type PartnerId } from '../envelope/index.js';
import { MicroBatch, type Tables, underTrust } from '../platform/index.js';
import type { VerifiedEnvelope } from '../verify/index.js';
import type { PairQuota } from './pair-quota.store.js';
import { ALG_OF_KEY, column } from './rows.js';

/** A verified envelope with what its acceptance will say. */
export interface Acceptance {
  readonly id: string;
  readonly envelope: VerifiedEnvelope;
  /** The signed receipt `accepted`; released only after the commit. */
  readonly receipt: string;
  readonly traceId?: string | undefined;
}

/** What was stored under an identity. */
export interface Identity {
  readonly id: string;
  readonly sha256: Uint8Array;
  readonly receipt: string;
}

export type Appended =
  /** This envelope is now in the ledger, with its deliveries. */
  | 'appended'
  /** Its `iss` and `jti` were in the ledger before: whether by the same bytes, its identity says. */
  | 'known'
  /** Key, grant or partner is no longer as it was verified: verify again to learn why. */
  | 'distrusted'
  /** Too much waits between its sender and its recipient: nothing was written. */
  | 'over_quota';

const BATCH = { maxItems: 64, writers: 2 };

/** The only writer of accepted envelopes. */
export class AcceptancesStore {
  readonly #batch: MicroBatch<Acceptance, Appended>;

  constructor(
    private readonly db: Kysely<Tables>,
    private readonly quota: PairQuota,
  ) {
    this.#batch = new MicroBatch((items) => this.#write(items), BATCH);
  }

  /**
   * Writes the envelope, its identity, its receipt and its deliveries, or nothing.
   *
   * When this resolves with `appended` the commit has happened and the sender need not send again. Key,
   * partners and grant are checked again by the statement itself, under the commit rule.
   */
  async append(acceptance: Acceptance): Promise<Appended> {
    const { claims, signed } = acceptance.envelope;
    const place = { sender: claims.iss, recipient: claims.aud, bytes: signed.token.length };
    const appended = await this.quota.within(place, () => this.#batch.add(acceptance));
    return appended ?? 'over_quota';
  }

  /** What was accepted under this identity, or undefined. */
  async identity(iss: PartnerId, jti: string): Promise<Identity | undefined> {
    const row = await this.db
      .selectFrom('identity')
      .select(['envelope_id', 'sha256', 'receipt'])
      .where('iss', '=', iss)
      .where('jti', '=', jti)
      .executeTakeFirst();
    return row && { id: row.envelope_id, sha256: row.sha256, receipt: row.receipt };
  }

  /**
   * The same for what the exchange itself sends: it has no partner row, key row or grant. A recipient that
   * is suspended gets it when it is active again. `distrusted`: there is no such recipient.
   */
  async appendOwn(acceptance: Acceptance): Promise<Appended> {
    const [appended] = await this.#write([acceptance], BY_THE_EXCHANGE);
    return appended ?? 'distrusted';
  }

  async #write(items: readonly Acceptance[], trusted = BY_PARTNERS): Promise<readonly Appended[]> {
    const { rows } = await underTrust(this.db, (tx) => appendAll(items, trusted).execute(tx));
    return rows.map((row) => (!row.trusted ? 'distrusted' : row.fresh ? 'appended' : 'known'));
  }
}

/** The commit rule: what was verified is looked at again by the statement that accepts. */
const BY_PARTNERS = sql`
  select i.* from input i
  join partner_key k on k.partner_id = i.iss and k.kid = i.kid and k.jkt = i.jkt
    and k.use = 'sig' and key_is_usable(k, i.accepted_at)
  join partner s on s.id = i.iss and s.status = 'active'
  join partner r on r.id = i.aud and r.status = 'active'
  join partner_grant g on g.recipient = i.aud and g.sender = i.iss
    and matches_type(g.types, i.type) and (i.sealed or not g.sealed_only)
    and (g.algorithms is null or ${ALG_OF_KEY} = any(g.algorithms))
  where i.sealed_to is null or exists (select 1 from partner_key e where e.partner_id = i.aud
    and e.kid = i.sealed_to and e.use = 'enc' and key_is_usable(e, i.accepted_at))`;

const BY_THE_EXCHANGE = sql`
  select i.* from input i join partner r on r.id = i.aud where i.iss = ${sql.lit(EXCHANGE_ID)}`;

/**
 * One statement for the whole batch. `order by` where identities are inserted keeps two batches with
 * the same identities from waiting for each other.
 */
function appendAll(
  items: readonly Acceptance[],
  trusted: RawBuilder<unknown>,
): ReturnType<typeof sql<AppendedRow>> {
  return sql<AppendedRow>`
    with input as (
      ${inputOf(items)}
    ), trusted as (
      ${trusted}
    ), identified as (
      insert into identity (iss, jti, sha256, envelope_id, accepted_at, receipt)
      select iss, jti, sha256, id, accepted_at, receipt from trusted order by iss, jti
      on conflict do nothing returning envelope_id
    ), fresh as (
      select t.* from trusted t join identified i on i.envelope_id = t.id
    ), enveloped as (
      insert into envelope (id, iss, aud, jti, type, txn, ordering_key, sealed, exp, accepted_at,
        sha256, kid, jkt, sealed_to, bytes, body, trace_id)
      select id, iss, aud, jti, type, txn, ordering_key, sealed, exp, accepted_at,
        sha256, kid, jkt, sealed_to, length(body), body, trace_id from fresh
    ), delivered as (
      insert into delivery (id, envelope_id, sender, recipient, endpoint_id, state, next_attempt_at,
        exp, bytes, created_at)
      select uuid_v7(f.accepted_at), f.id, f.iss, f.aud, e.id,
        case when e.id is null then 'available' else 'waiting' end,
        case when e.id is null then null else f.accepted_at end,
        f.exp + make_interval(secs => ${sql.lit(LEEWAY_SECONDS)}), length(f.body), f.accepted_at
      from fresh f
      left join endpoint e on e.partner_id = f.aud and e.status = 'active'
        and matches_type(e.types, f.type) and (e.senders = '{}' or f.iss = any(e.senders))
      order by f.n
      returning endpoint_id, recipient
    ), woken as (
      select (select pg_notify('outbox', '') where exists (
          select 1 from delivered where endpoint_id is not null))::text as outbox,
        (select pg_notify('inbox', names) from (
          select case when count(distinct recipient) > 50 then ''
            else string_agg(distinct recipient, ',') end as names
          from delivered where endpoint_id is null) x where names is not null)::text as inbox
    )
    select i.n, t.id is not null as trusted, f.id is not null as fresh, w.outbox, w.inbox
    from input i
    left join trusted t on t.n = i.n
    left join fresh f on f.n = i.n
    cross join woken w
    order by i.n`;
}

/** The batch as rows, numbered in its order. */
function inputOf(items: readonly Acceptance[]): ReturnType<typeof sql> {
  return sql`
    select * from unnest(${column(items, 'uuid', (a) => a.id)},
      ${column(items, 'text', (a) => a.envelope.claims.iss)},
      ${column(items, 'text', (a) => a.envelope.claims.aud)},
      ${column(items, 'text', (a) => a.envelope.claims.jti)},
      ${column(items, 'text', (a) => a.envelope.claims.type)},
      ${column(items, 'text', (a) => a.envelope.claims.txn ?? null)},
      ${column(items, 'text', (a) => a.envelope.claims.ordering_key ?? null)},
      ${column(items, 'boolean', (a) => a.envelope.claims.sealed !== undefined)},
      ${column(items, 'timestamptz', (a) => new Date(a.envelope.claims.exp * 1000))},
      ${column(items, 'timestamptz', (a) => a.envelope.verifiedAt)},
      ${column(items, 'bytea', (a) => a.envelope.signed.sha256)},
      ${column(items, 'text', (a) => a.envelope.signed.kid)},
      ${column(items, 'text', (a) => a.envelope.signed.jkt)},
      ${column(items, 'text', (a) => a.envelope.sealedTo ?? null)},
      ${column(items, 'text', (a) => a.envelope.signed.token)},
      ${column(items, 'text', (a) => a.receipt)},
      ${column(items, 'text', (a) => a.traceId ?? null)}
    ) with ordinality as t(id, iss, aud, jti, type, txn, ordering_key, sealed, exp, accepted_at,
      sha256, kid, jkt, sealed_to, body, receipt, trace_id, n)`;
}

interface AppendedRow {
  readonly trusted: boolean;
  readonly fresh: boolean;
}

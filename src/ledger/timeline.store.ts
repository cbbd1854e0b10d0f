import { type Kysely, sql } from 'kysely';
import type { PartnerId, State } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

/** What its sender and recipient may see of one envelope. */
export interface EnvelopeRow {
  readonly id: string;
  readonly iss: PartnerId;
  readonly aud: PartnerId;
  readonly jti: string;
  readonly type: string;
  readonly txn: string | null;
  readonly sealed: boolean;
  readonly exp: Date;
  readonly acceptedAt: Date;
  readonly erasedAt: Date | null;
  readonly sha256: Uint8Array;
  readonly jkt: string;
  readonly bytes: number;
}

export interface DeliveryRow {
  readonly id: string;
  readonly envelopeId: string;
  readonly endpointId: string | null;
  readonly state: State;
  readonly attempt: number;
  readonly nextAttemptAt: Date | null;
  readonly endedAt: Date | null;
  readonly status: number | null;
  readonly reason: string | null;
  readonly replayOf: string | null;
}

export interface AttemptRow {
  readonly deliveryId: string;
  readonly number: number;
  readonly beganAt: Date;
  readonly endedAt: Date | null;
  readonly outcome: string | null;
  readonly status: number | null;
  readonly reason: string | null;
}

export interface ReceiptRow {
  readonly deliveryId: string | null;
  readonly issuer: string;
  readonly state: string;
  readonly createdAt: Date;
  readonly token: string;
}

export interface Filter {
  readonly peer?: PartnerId;
  readonly type?: string;
  readonly txn?: string;
  readonly state?: State;
  readonly from?: Date;
  readonly to?: Date;
  /** Ids smaller than this: the cursor. */
  readonly before?: string;
  readonly limit: number;
}

const ENVELOPE = sql`v.id, v.iss, v.aud, v.jti, v.type, v.txn, v.sealed, v.exp,
  v.accepted_at as "acceptedAt", v.erased_at as "erasedAt", v.sha256, v.jkt, v.bytes`;

/** Reads for those concerned: nothing here changes anything. */
export class TimelineStore {
  constructor(private readonly db: Kysely<Tables>) {}

  /** The envelope, if `viewer` sent it or receives it. */
  async envelope(id: string, viewer: PartnerId): Promise<EnvelopeRow | undefined> {
    const { rows } = await sql<EnvelopeRow>`
      select ${ENVELOPE} from envelope v
      where v.id = ${id} and (v.iss = ${viewer} or v.aud = ${viewer})`.execute(this.db);
    return rows[0];
  }

  /** Newest first. */
  async list(viewer: PartnerId, filter: Filter): Promise<readonly EnvelopeRow[]> {
    const { peer, type, txn, state, from, to, before, limit } = filter;
    const rules = [
      sql`(v.iss = ${viewer} or v.aud = ${viewer})`,
      ...(peer === undefined ? [] : [sql`(v.iss = ${peer} or v.aud = ${peer})`]),
      ...(type === undefined ? [] : [sql`v.type = ${type}`]),
      ...(txn === undefined ? [] : [sql`v.txn = ${txn}`]),
      ...(from === undefined ? [] : [sql`v.id >= uuid_floor(${from}::timestamptz)`]),
      ...(to === undefined ? [] : [sql`v.id < uuid_floor(${to}::timestamptz)`]),
      ...(before === undefined ? [] : [sql`v.id < ${before}::uuid`]),
      ...(state === undefined
        ? []
        : [
            sql`exists (select 1 from delivery d where d.envelope_id = v.id and d.state = ${state})`,
          ]),
    ];
    const { rows } = await sql<EnvelopeRow>`
      select ${ENVELOPE} from envelope v where ${sql.join(rules, sql` and `)}
      order by v.id desc limit ${limit}`.execute(this.db);
    return rows;
  }

  async deliveries(envelopeIds: readonly string[]): Promise<readonly DeliveryRow[]> {
    const { rows } = await sql<DeliveryRow>`
      select id, envelope_id as "envelopeId", endpoint_id as "endpointId", state, attempt,
        next_attempt_at as "nextAttemptAt", ended_at as "endedAt", status, reason,
        replay_of as "replayOf"
      from delivery where envelope_id = any(${envelopeIds}::uuid[]) order by seq`.execute(this.db);
    return rows;
  }

  async attempts(deliveryIds: readonly string[]): Promise<readonly AttemptRow[]> {
    const { rows } = await sql<AttemptRow>`
      select delivery_id as "deliveryId", number, began_at as "beganAt", ended_at as "endedAt",
        outcome, status, reason
      from attempt where delivery_id = any(${deliveryIds}::uuid[])
      order by began_at, number`.execute(this.db);
    return rows;
  }

  /** Receipts of an envelope, oldest first; the one of its acceptance is kept with its identity. */
  async receipts(envelope: EnvelopeRow, issuer: string): Promise<readonly ReceiptRow[]> {
    const { rows } = await sql<ReceiptRow>`
      select null::uuid as "deliveryId", ${issuer} as issuer, 'accepted' as state,
        accepted_at as "createdAt", receipt as token
      from identity where iss = ${envelope.iss} and jti = ${envelope.jti}
      union all
      select delivery_id, issuer, state, created_at, token from receipt
      where envelope_id = ${envelope.id}
      order by 4`.execute(this.db);
    return rows;
  }
}

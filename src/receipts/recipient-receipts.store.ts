import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { fromBase64url } from '../crypto/index.js';
import { Clock, Database, underTrust } from '../platform/index.js';
import type { RecipientReceipt } from '../verify/index.js';

export type Taken =
  | 'taken'
  /** This very receipt was taken before. */
  | 'repeated'
  /** Another receipt states the same of this envelope. */
  | 'stated'
  /** No such envelope, or none that a delivery to this recipient began of. */
  | 'unknown'
  /** The key or the partner is not active any more. */
  | 'distrusted';

interface Row {
  readonly known: boolean;
  readonly trusted: boolean;
  readonly made: boolean;
}

/** Receipts by recipients, beside those of the exchange. */
@Injectable()
export class RecipientReceiptsStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Stores the receipt once per envelope and state, under the commit rule: not by a key that is not active
   * when this commits, and not before a delivery to the recipient began.
   */
  async take(receipt: RecipientReceipt): Promise<Taken> {
    const [row] = await underTrust(this.database.db, async (tx) => {
      const { rows } = await this.#insert(receipt).execute(tx);
      return rows;
    });
    if (row?.known !== true) return 'unknown';
    if (!row.trusted) return 'distrusted';
    if (row.made) return 'taken';
    return (await this.#isStored(receipt)) ? 'repeated' : 'stated';
  }

  #insert({
    issuer,
    kid,
    sender,
    state,
    token,
    envelope,
  }: RecipientReceipt): ReturnType<typeof sql<Row>> {
    const digest = Buffer.from(fromBase64url(envelope.sha256) ?? []);
    return sql<Row>`
      with known as (
        select v.id from identity i join envelope v on v.id = i.envelope_id
        where i.iss = ${sender} and i.jti = ${envelope.jti} and i.sha256 = ${digest}
          and v.aud = ${issuer} and v.jkt = ${envelope.jkt}
          and exists (select 1 from delivery d where d.envelope_id = v.id and d.attempt > 0)
      ), trusted as (
        select 1 from partner_key k join partner p on p.id = k.partner_id and p.status = 'active'
        where k.partner_id = ${issuer} and k.kid = ${kid} and k.use = 'sig'
          and key_is_usable(k, ${this.clock.now()}::timestamptz)
      ), made as (
        insert into receipt (envelope_id, delivery_id, issuer, state, sender, recipient, created_at,
          token)
        select id, null, ${issuer}, ${state}, ${sender}, ${issuer}, ${this.clock.now()}, ${token}
        from known where exists (select 1 from trusted)
        on conflict do nothing returning 1
      )
      select exists (select 1 from known) as known, exists (select 1 from trusted) as trusted,
        exists (select 1 from made) as made`;
  }

  async #isStored({ issuer, token, envelope, sender }: RecipientReceipt): Promise<boolean> {
    const { rows } = await sql`
      select 1 from receipt r join identity i on i.envelope_id = r.envelope_id
      where i.iss = ${sender} and i.jti = ${envelope.jti} and r.issuer = ${issuer}
        and r.token = ${token}`.execute(this.database.db);
    return rows.length > 0;
  }
}

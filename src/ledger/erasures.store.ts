import { type Kysely, sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

export type Erased =
  /** The body is gone; digest, metadata and receipts are as they were. */
  | 'erased'
  /** A delivery has not ended: what is erased could not be verified before it. */
  | 'under_way'
  /** There is no such envelope of this viewer. */
  | 'not_found';

/** Takes contents out of the ledger on request. Retention does the same to whole days. */
export class ErasuresStore {
  constructor(private readonly db: Kysely<Tables>) {}

  /** Erases the body of an envelope that `viewer` sent or received. Again is no change. */
  async erase(id: string, viewer: PartnerId, at: Date): Promise<Erased> {
    const { rows } = await sql<{ ended: boolean }>`
      with mine as (
        select v.id, not exists (
          select 1 from delivery d where d.envelope_id = v.id and d.ended_at is null) as ended
        from envelope v where v.id = ${id} and (v.iss = ${viewer} or v.aud = ${viewer})
      ), erased as (
        update envelope v set body = '', erased_at = ${at}
        from mine m where v.id = m.id and v.id = ${id} and m.ended and v.erased_at is null
      )
      select ended from mine`.execute(this.db);
    const [found] = rows;
    if (found === undefined) return 'not_found';
    return found.ended ? 'erased' : 'under_way';
  }
}

import { type Kysely, sql } from 'kysely';
import type { Channel, Tables } from '../platform/index.js';

/**
 * Wakes whoever listens on `channel`, when and only when the caller's transaction commits.
 *
 * `keys` after every change of partners, keys, grants or endpoints; `outbox` when deliveries that
 * wait may go; `inbox` when some became available. The payload is the partner's id or empty.
 */
export async function tell(
  tx: Kysely<Tables>,
  channel: Channel,
  payload: string = '',
): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(tx);
}

import { type Kysely, type Selectable, sql } from 'kysely';
import type { PartnerId, Thumbprint } from '../envelope/index.js';
import type { AuditTable, Tables } from '../platform/index.js';
import type { AuditAction } from './audited.js';

export type AuditRow = Selectable<AuditTable>;

/** Who changed something. A `Caller` is one. */
export interface Author {
  /** `none`: who registers has no token; `exchange`: what it does of itself. */
  readonly scope: 'partner' | 'operator' | 'none' | 'exchange';
  readonly id: string;
  /** Thumbprint of the key that authenticated. */
  readonly jkt?: Thumbprint;
}

/** What of a thing is worth keeping: MUST NOT hold contents, secrets or key material. */
export type Facts = Readonly<Record<string, unknown>>;

/** One change of who may do what. */
export interface Change {
  readonly by: Author;
  readonly at: Date;
  readonly action: AuditAction;
  /** Whose thing it is. */
  readonly partner: PartnerId;
  /** The thing: an id, a kid, a peer. */
  readonly target: string;
  readonly from?: Facts;
  readonly to?: Facts;
}

/**
 * Adds a change to the trail, in the transaction that makes it: both stand or neither.
 *
 * MUST come last of what the transaction locks: whoever else records waits until it has ended.
 */
export async function record(tx: Kysely<Tables>, change: Change): Promise<void> {
  const { by, at, action, partner, target, from, to } = change;
  const entry = JSON.stringify({
    at: at.toISOString(),
    actor: by.id,
    scope: by.scope,
    jkt: by.jkt,
    action,
    partner,
    target,
    from,
    to,
  });
  await sql`
    with link as (
      update audit_head set seq = seq + 1, hash = sha256(hash || convert_to(${entry}, 'UTF8'))
      returning seq, hash
    )
    insert into audit (seq, entry, hash) select seq, ${entry}::text, hash from link`.execute(tx);
}

/** Which entries are asked for. */
export interface AuditAsked {
  readonly limit: number;
  /** Entries before this number. */
  readonly before?: string;
  /** Only what this partner did or owns. */
  readonly concerns?: PartnerId;
  readonly actor?: string;
  readonly partner?: string;
  readonly target?: string;
  readonly action?: string;
  readonly since?: string;
  readonly until?: string;
}

/** The newest first. */
export function pageOfAudit(db: Kysely<Tables>, asked: AuditAsked): Promise<AuditRow[]> {
  const { concerns, before, since, until } = asked;
  return db
    .selectFrom('audit')
    .selectAll()
    .$if(concerns !== undefined, (query) =>
      query.where((eb) =>
        eb.or([
          eb('partner', '=', concerns ?? ''),
          eb('actor', '=', concerns ?? '').and(sql`(entry::jsonb) ->> 'scope'`, '=', 'partner'),
        ]),
      ),
    )
    .$if(before !== undefined, (query) => query.where(sql<string>`seq`, '<', before ?? ''))
    .$if(since !== undefined, (query) => query.where('at', '>=', since ?? ''))
    .$if(until !== undefined, (query) => query.where('at', '<', until ?? ''))
    .where((eb) =>
      eb.and(
        (['actor', 'partner', 'target', 'action'] as const).flatMap((column) => {
          const wanted = asked[column];
          return wanted === undefined ? [] : [eb(column, '=', wanted)];
        }),
      ),
    )
    .orderBy('seq', 'desc')
    .limit(asked.limit)
    .execute();
}

/** What the chain says of itself. */
export interface AuditState {
  /** Number and digest of the last link. */
  readonly seq: string;
  readonly hash: Uint8Array;
  /** The first number that is missing or whose entry is not the one that was written. */
  readonly broken: string | null;
}

/** Computes the whole chain anew, from the first entry to the head. */
export async function verifyAudit(db: Kysely<Tables>): Promise<AuditState> {
  const { rows } = await sql<AuditState>`
    with link as (
      select seq, hash, entry, lag(hash, 1, sha256('sealpost audit')) over (order by seq) as before,
        lag(seq, 1, 0::bigint) over (order by seq) + 1 as expected
      from audit
    ), fault as (
      select least(seq, expected) as seq from link
      where seq <> expected or hash <> sha256(before || convert_to(entry, 'UTF8'))
      order by 1 limit 1
    ), last as (
      select coalesce((select seq from audit order by seq desc limit 1), 0) as seq,
        coalesce((select hash from audit order by seq desc limit 1), sha256('sealpost audit')) as hash
    )
    select head.seq, head.hash, coalesce(
      (select seq from fault),
      case when last.seq <> head.seq or last.hash <> head.hash
        then least(last.seq + 1, greatest(head.seq, 1)) end
    ) as broken
    from audit_head head cross join last`.execute(db);
  const [state] = rows;
  return state ?? { seq: '0', hash: new Uint8Array(), broken: '1' };
}

import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { KeyId, PartnerId, Thumbprint } from '../envelope/index.js';
import { Clock, Database } from '../platform/index.js';

/** A key that was revoked, while what waits has still to hear of it. */
export interface RevokedKey {
  readonly owner: PartnerId;
  readonly kid: KeyId;
  readonly use: 'sig' | 'enc';
  readonly jkt: Thumbprint;
  readonly revokedAt: Date;
  /** Null: nothing that is not delivered holds. */
  readonly since: Date | null;
  readonly reason: string | null;
  /** When all whom it concerns had been told. */
  readonly toldAt: Date | null;
}

/** Whoever claims a revocation and dies leaves it to the next after this. */
const CLAIM_MS = 30_000;

/** Revocations that have not yet reached everything that waits; worked off by workers. */
@Injectable()
export class Revocations {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Those that are due, each to one of any number of callers. */
  async claim(): Promise<readonly RevokedKey[]> {
    const now = this.clock.now();
    const { rows } = await sql<RevokedKey>`
      update partner_key set stop_due_at = ${new Date(now.getTime() + CLAIM_MS)}
      where stop_due_at <= ${now}
      returning partner_id as owner, kid, use, jkt, revoked_at as "revokedAt", revoked_since as since,
        revoked_reason as reason, told_at as "toldAt"`.execute(this.database.db);
    return rows;
  }

  /** Whom it concerns: its owner, and those who take what it signed or seal to it. */
  async concerned({ owner, use }: RevokedKey): Promise<readonly PartnerId[]> {
    const [peer, self] = use === 'sig' ? ['recipient', 'sender'] : ['sender', 'recipient'];
    const { rows } = await sql<{ id: PartnerId }>`
      select ${owner} as id union
      select ${sql.ref(peer)} from partner_grant where ${sql.ref(self)} = ${owner}`.execute(
      this.database.db,
    );
    return rows.map(({ id }) => id);
  }

  async told({ owner, kid }: RevokedKey): Promise<void> {
    await sql`update partner_key set told_at = ${this.clock.now()}
      where partner_id = ${owner} and kid = ${kid}`.execute(this.database.db);
  }

  /** With `againAt` it is due again then; without, it has reached everything. */
  async reached({ owner, kid }: RevokedKey, againAt: Date | null): Promise<void> {
    await sql`update partner_key set stop_due_at = ${againAt}
      where partner_id = ${owner} and kid = ${kid}`.execute(this.database.db);
  }
}

import { Injectable } from '@nestjs/common';
import { toBase64url } from '../crypto/index.js';
import { Broken, Refused } from '../envelope/index.js';
import { type Caller, Database } from '../platform/index.js';
import type { AuditEntry, AuditPage, AuditQuery, AuditVerdict } from './audit.dto.js';
import { type AuditRow, pageOfAudit, verifyAudit } from './audit.store.js';
import { mapPage, pageOf } from './page.js';

/** The audit trail as each caller may see it. */
@Injectable()
export class SeeAudit {
  constructor(private readonly database: Database) {}

  /** The operator sees all; a partner what it did, and what was done to what is its own. */
  async list(caller: Caller, { limit, after, ...filters }: AuditQuery): Promise<AuditPage> {
    if (after !== undefined && !/^\d{1,18}$/.test(after))
      throw new Refused('validation_failed', 'after must be "next" of the page before');
    const rows = await pageOfAudit(this.database.db, {
      ...filters,
      ...utc('since', filters.since),
      ...utc('until', filters.until),
      ...(after === undefined ? {} : { before: after }),
      ...(caller.scope === 'operator' ? {} : { concerns: caller.id }),
      limit: limit + 1,
    });
    return mapPage(
      pageOf(rows, limit, (row) => row.seq),
      entryView,
    );
  }

  async verify(): Promise<AuditVerdict> {
    const { seq, hash, broken } = await verifyAudit(this.database.db);
    return {
      intact: broken === null,
      entries: Number(seq),
      hash: toBase64url(hash),
      ...(broken === null ? {} : { brokenAt: Number(broken) }),
    };
  }
}

/** As the trail spells its moments, so that they compare as text. */
function utc(name: 'since' | 'until', given: string | undefined): Partial<Record<string, string>> {
  if (given === undefined) return {};
  const moment = new Date(given);
  if (Number.isNaN(moment.getTime())) throw new Refused('validation_failed', name);
  return { [name]: moment.toISOString() };
}

interface Written extends Omit<AuditEntry, 'actor' | 'at' | 'seq' | 'hash'> {
  readonly at: string;
  readonly actor: string;
  readonly scope: AuditEntry['actor']['scope'];
  readonly jkt?: string;
}

function entryView({ seq, entry, hash }: AuditRow): AuditEntry {
  const { at, actor, scope, jkt, ...what } = read(entry);
  return {
    seq: Number(seq),
    at: new Date(at),
    actor: { id: actor, scope, ...(jkt === undefined ? {} : { jkt }) },
    ...what,
    hash: toBase64url(hash),
  };
}

function read(entry: string): Written {
  const value: unknown = JSON.parse(entry);
  if (!isWritten(value)) throw new Broken('an entry of the audit trail cannot be read');
  return value;
}

function isWritten(value: unknown): value is Written {
  return typeof value === 'object' && value !== null && 'at' in value && 'scope' in value;
}

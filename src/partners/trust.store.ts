import { Injectable } from '@nestjs/common';
import type { Kysely } from 'kysely';
import type { KeyId, PartnerId } from '../envelope/index.js';
import { Database, type Tables } from '../platform/index.js';
import { type PartnerKey, type Relation, type StatedKey, Trust } from '../verify/index.js';
import { endOf, isUsable } from './key.store.js';
import { publicJwkOf } from './public-jwk.js';

/** Reads trust from the ledger each time. */
class FreshTrust extends Trust {
  constructor(private readonly db: Kysely<Tables>) {
    super();
  }

  override async key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined> {
    const row = await this.db
      .selectFrom('partner_key')
      .selectAll()
      .where('partner_id', '=', owner)
      .where('kid', '=', kid)
      .executeTakeFirst();
    return (
      row && {
        kid: row.kid,
        use: row.use,
        status: row.status,
        jkt: row.jkt,
        jwk: publicJwkOf(row),
        notBefore: row.not_before,
        notAfter: endOf(row),
        revokedSince: row.revoked_since,
      }
    );
  }

  override async keyToSealTo(owner: PartnerId, now: Date): Promise<StatedKey | undefined> {
    const rows = await this.db
      .selectFrom('partner_key')
      .selectAll()
      .where('partner_id', '=', owner)
      .where('use', '=', 'enc')
      .where('status', '=', 'active')
      .orderBy('created_at', 'desc')
      .execute();
    const usable = rows.find((row) => isUsable(row, now));
    return usable && { jwk: publicJwkOf(usable), statement: usable.statement };
  }

  override async relation(sender: PartnerId, recipient: PartnerId): Promise<Relation> {
    const row = await this.db
      .selectFrom('partner as s')
      .leftJoin('partner as r', (join) => join.on('r.id', '=', recipient))
      .leftJoin('partner_grant as g', (join) =>
        join.on('g.recipient', '=', recipient).on('g.sender', '=', sender),
      )
      .select([
        's.status as sender',
        'r.status as recipient',
        'g.types',
        'g.sealed_only',
        'g.algorithms',
      ])
      .where('s.id', '=', sender)
      .executeTakeFirst();
    return {
      sender: row?.sender,
      recipient: row?.recipient ?? undefined,
      grant: row?.types
        ? {
            types: row.types,
            sealedOnly: row.sealed_only === true,
            algorithms: row.algorithms ?? undefined,
          }
        : undefined,
    };
  }
}

const MAX_ENTRIES = 20_000;

/** Remembers what `fresh` answered until it is told to forget. */
class RememberedTrust extends Trust {
  readonly #keys = new Map<string, Promise<PartnerKey | undefined>>();
  readonly #relations = new Map<string, Promise<Relation>>();

  constructor(private readonly fresh: Trust) {
    super();
  }

  forget(): void {
    this.#keys.clear();
    this.#relations.clear();
  }

  override keyToSealTo(owner: PartnerId, now: Date): Promise<StatedKey | undefined> {
    return this.fresh.keyToSealTo(owner, now);
  }

  override key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined> {
    return remember(this.#keys, `${owner} ${kid}`, () => this.fresh.key(owner, kid));
  }

  override relation(sender: PartnerId, recipient: PartnerId): Promise<Relation> {
    return remember(this.#relations, `${sender} ${recipient}`, () =>
      this.fresh.relation(sender, recipient),
    );
  }
}

function remember<T>(
  answers: Map<string, Promise<T>>,
  question: string,
  ask: () => Promise<T>,
): Promise<T> {
  const known = answers.get(question);
  if (known !== undefined) return known;
  if (answers.size >= MAX_ENTRIES) answers.clear();
  const answer = ask();
  answers.set(question, answer);
  answer.catch(() => answers.delete(question));
  return answer;
}

/**
 * Who may speak, for verification. `remembered` may be behind by a wake-up: whoever refuses on its word
 * MUST ask `fresh` first, and what it lets pass is checked again by the statement that commits.
 */
@Injectable()
export class TrustStore {
  readonly fresh: Trust;
  readonly remembered: Trust;

  constructor(database: Database) {
    const remembered = new RememberedTrust(new FreshTrust(database.db));
    this.fresh = new FreshTrust(database.db);
    this.remembered = remembered;
    database.wakeups.on('keys', () => remembered.forget());
  }
}

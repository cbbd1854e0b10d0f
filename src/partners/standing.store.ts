import { Injectable } from '@nestjs/common';
import { type ExpressionBuilder, sql } from 'kysely';
import type { PublicJwk } from '../crypto/index.js';
import type { KeyId, PartnerId, Thumbprint } from '../envelope/index.js';
import { Clock, Database, type Tables } from '../platform/index.js';
import { isUsable } from './key.store.js';
import { publicJwkOf } from './public-jwk.js';

export type PartnerStatus = 'active' | 'pending' | 'suspended';

export interface Candidate {
  readonly jwk: PublicJwk;
  readonly jkt: Thumbprint;
  readonly status: PartnerStatus;
  /** Whether its access tokens have to be bound to a key. */
  readonly dpopRequired: boolean;
}

/** How partners stand, for whoever authenticates them. Reads the ledger each time: nothing goes stale. */
@Injectable()
export class PartnerStanding {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * The sig keys that may be meant by (`id`, `kid`): one of an approved partner, or any number of
   * those that wait for approval. Retired, revoked and expired ones are not among them.
   */
  candidates(id: PartnerId, kid: KeyId): Promise<readonly Candidate[]> {
    return this.#find(id, { kid });
  }

  /** How the holder of this key stands as `id`; undefined when the key is no good there. */
  async of(id: PartnerId, jkt: Thumbprint): Promise<PartnerStatus | undefined> {
    const [found] = await this.#find(id, { jkt });
    return found?.status;
  }

  async #find(id: PartnerId, wanted: Wanted): Promise<Candidate[]> {
    const approved = await this.#approved(id, wanted);
    return approved.length > 0 ? approved : this.#pending(id, wanted);
  }

  async #approved(id: PartnerId, { kid, jkt }: Wanted): Promise<Candidate[]> {
    const now = this.clock.now();
    const rows = await this.database.db
      .selectFrom('partner_key')
      .innerJoin('partner', 'partner.id', 'partner_key.partner_id')
      .selectAll('partner_key')
      .select(['partner.status as standing', 'partner.dpop_required as dpopRequired'])
      .where('partner_id', '=', id)
      .where('use', '=', 'sig')
      .$if(kid !== undefined, (query) => query.where('kid', '=', sql<KeyId>`${kid}`))
      .$if(jkt !== undefined, (query) => query.where('jkt', '=', sql<Thumbprint>`${jkt}`))
      .execute();
    return rows
      .filter((row) => isUsable(row, now))
      .map((row) => ({
        jwk: publicJwkOf(row),
        jkt: row.jkt,
        status: row.standing,
        dpopRequired: row.dpopRequired,
      }));
  }

  // Once an id is approved nobody waits for it, whatever may be left in the table.
  async #pending(id: PartnerId, { kid, jkt }: Wanted): Promise<Candidate[]> {
    const rows = await this.database.db
      .selectFrom('registration')
      .select('keys')
      .where('partner_id', '=', id)
      .where('expires_at', '>', this.clock.now())
      .where((eb) => eb.not(eb.exists(approvedPartner(eb))))
      .execute();
    return rows
      .flatMap((row) => row.keys)
      .filter(
        (key) => key.use === 'sig' && (kid ?? key.kid) === key.kid && (jkt ?? key.jkt) === key.jkt,
      )
      .map((key) => ({
        jwk: publicJwkOf(key),
        jkt: key.jkt,
        status: 'pending',
        dpopRequired: false,
      }));
  }
}

interface Wanted {
  readonly kid?: KeyId;
  readonly jkt?: Thumbprint;
}

function approvedPartner(eb: ExpressionBuilder<Tables, 'registration'>) {
  return eb
    .selectFrom('partner')
    .select('partner.id')
    .whereRef('partner.id', '=', 'registration.partner_id');
}

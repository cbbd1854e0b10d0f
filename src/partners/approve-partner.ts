import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../envelope/index.js';
import { type Caller, Clock, Database, Log, type Db } from '../platform/index.js';
import { type Change, record } from './audit.store.js';
import { keyNames, partnerFacts } from './audited.js';
import { putSource } from './key-source/key-source.store.js';
import { insertKeys } from './key.store.js';
import { changePartner, insertPartner, lockPartner, type Partner } from './partner.store.js';
import { deleteRegistrationsOf, pendingOf, type Registration } from './registration.store.js';
import { orTaken } from './taken.js';
import { tell } from './tell.store.js';

export interface Approval {
  readonly registrationId?: string;
  readonly rs256?: boolean;
  readonly requireDpop?: boolean;
}

/** The operator's decision that a registration becomes a partner. */
@Injectable()
export class ApprovePartner {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Makes the partner and its keys, or neither, and forgets what else waits for the id. Approving a
   * partner again changes nothing but `rs256` and `requireDpop`.
   */
  async run(by: Caller, id: PartnerId, approval: Approval): Promise<Partner> {
    const scene = { by, at: this.clock.now(), partner: id, target: id };
    const partner = await orTaken(
      () =>
        this.database.db.transaction().execute(async (tx) => {
          const existing = await lockPartner(tx, id);
          const approved =
            existing === undefined
              ? await approve(tx, scene, approval)
              : await again(tx, scene, existing, approval);
          await tell(tx, 'keys', id);
          return approved;
        }),
      'conflict',
    );
    this.log.step('partner.approved', { partnerId: id, rs256: partner.rs256_allowed });
    return partner;
  }
}

/** Who decides over whom, and when. */
type Scene = Pick<Change, 'by' | 'at' | 'partner' | 'target'>;

async function approve(
  tx: Db,
  scene: Scene,
  { registrationId, rs256 = false, requireDpop = false }: Approval,
): Promise<Partner> {
  const { partner: id, at: now } = scene;
  const waiting = await pendingOf(tx, [id], now);
  const registration = theOne(waiting, registrationId);
  const { id: approvedId, name, contact, keys, jwks_uri: jwksUri } = registration;
  const made = { id, name, contact, rs256Allowed: rs256, dpopRequired: requireDpop };
  const partner = await insertPartner(tx, made, now);
  await insertKeys(tx, { partnerId: id, keys }, now);
  if (jwksUri !== null) await putSource(tx, id, jwksUri, now);
  await deleteRegistrationsOf(tx, id);
  const to = { ...partnerFacts(partner), registrationId: approvedId, keys: keys.map(keyNames) };
  await record(tx, { ...scene, action: 'partner.approved', to });
  return partner;
}

function theOne(waiting: readonly Registration[], registrationId?: string): Registration {
  const meant = waiting.filter(({ id }) => registrationId === undefined || id === registrationId);
  const [registration, another] = meant;
  if (registration === undefined) throw new Refused('not_found');
  if (another !== undefined)
    throw new Refused('conflict', 'several registrations wait: name one by registrationId');
  return registration;
}

// A registration that is named was not the one that was approved: its keys would not be the partner's.
async function again(
  tx: Db,
  scene: Scene,
  existing: Partner,
  { registrationId, rs256, requireDpop }: Approval,
): Promise<Partner> {
  if (registrationId !== undefined) throw new Refused('id_taken');
  const change = {
    rs256_allowed: rs256 ?? existing.rs256_allowed,
    dpop_required: requireDpop ?? existing.dpop_required,
  };
  const { rs256_allowed: wasAllowed, dpop_required: wasRequired } = existing;
  if (change.rs256_allowed === wasAllowed && change.dpop_required === wasRequired) return existing;
  const partner = await changePartner(tx, existing.id, change, scene.at);
  const from = partnerFacts(existing);
  await record(tx, { ...scene, action: 'partner.changed', from, to: partnerFacts(partner) });
  return partner;
}

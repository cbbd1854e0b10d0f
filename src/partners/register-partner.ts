import { Injectable } from '@nestjs/common';
import { admitKeySet, sha256 } from '../crypto/index.js';
import { isReservedId, type PartnerId, partnerId, Refused } from '../envelope/index.js';
import { changeTrust, Clock, Database, Log, Settings, type Db, uuidV7 } from '../platform/index.js';
import { type Author, type Facts, record } from './audit.store.js';
import { keyFacts, keyNames, partnerFacts } from './audited.js';
import { type InviteShown, inviteHolds, useInvite } from './invite.store.js';
import { anyRegistered, insertKeys, revokeKeys, standingKeys } from './key.store.js';
import {
  changePartner,
  findPartner,
  insertPartner,
  lockPartner,
  type Partner,
} from './partner.store.js';
import { proveKeySet, type ProvenKeys } from './prove-keys.js';
import type { RegisterBody, RegistrationView } from './registration.dto.js';
import {
  countPending,
  deleteRegistrationsOf,
  insertRegistration,
  lockPending,
} from './registration.store.js';
import { GivenKeySets } from './key-source/given-key-sets.js';
import { putSource, removeSource } from './key-source/key-source.store.js';
import { KEY_IS_REGISTERED, orTaken } from './taken.js';
import { tell } from './tell.store.js';
import { keySummary } from './views.js';

const DAY_MS = 86_400_000;
/** Of one id; more would only bury the right one. */
const MAX_PENDING_OF_ID = 10;

/** What was asked for, its keys admitted by the key policy and proved. */
interface Asked extends ProvenKeys {
  readonly id: PartnerId;
  readonly name: string;
  readonly contact: string;
  /** Where the keys came from and will be looked for again. */
  readonly jwksUri: string | undefined;
  readonly now: Date;
}

/** Onboarding: keys that are proved become a registration that waits or, with an invite, a partner. */
@Injectable()
export class RegisterPartner {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly settings: Settings,
    private readonly keySets: GivenKeySets,
    private readonly log: Log,
  ) {}

  /** All of it or nothing: what is refused uses up neither a `jti` nor the invite. */
  async run(body: RegisterBody): Promise<RegistrationView> {
    const id = partnerId(body.id, 'id');
    if (isReservedId(id)) throw new Refused('validation_failed', 'id is reserved');
    const now = this.clock.now();
    const invite = await this.#inviteShown(id, body.invite, now);
    const existing = await findPartner(this.database.db, id);
    if (existing !== undefined && invite === undefined) throw new Refused('id_taken');
    const { jwks, jwksUri } = await this.keySets.of(body, id);
    const proven = await this.#prove(
      id,
      { jwks, proofs: body.proofs, statements: body.statements },
      existing,
      now,
    );
    const asked = { ...proven, id, name: body.name, contact: body.contact, jwksUri, now };
    const view = invite === undefined ? await this.#wait(asked) : await this.#enrol(asked, invite);
    this.log.step('partner.registered', { partnerId: id, status: view.status });
    return view;
  }

  // Looked at before anything costs more: nobody takes the trust lock with an invite that is none.
  async #inviteShown(
    id: PartnerId,
    invite: string | undefined,
    now: Date,
  ): Promise<InviteShown | undefined> {
    if (invite === undefined) return undefined;
    const shown = { tokenSha256: await sha256(invite), partnerId: id, now };
    if (!(await inviteHolds(this.database.db, shown))) throw inviteRefused();
    return shown;
  }

  async #prove(
    partner: PartnerId,
    body: Pick<RegisterBody, 'proofs' | 'statements'> & { readonly jwks: unknown },
    existing: Partner | undefined,
    now: Date,
  ): Promise<ProvenKeys> {
    const keys = await admitKeySet(body.jwks, { allowRs256: existing?.rs256_allowed ?? false });
    if (!keys.some((key) => key.use === 'sig'))
      throw new Refused('key_rejected', 'at least one sig key is needed');
    const scene = { partnerId: partner, issuer: this.settings.issuer, now };
    const proven = await proveKeySet(keys, body, scene);
    // After the proofs: only who holds a key learns that it is registered.
    const jkts = keys.map((key) => key.jkt);
    if (await anyRegistered(this.database.db, jkts))
      throw new Refused('key_rejected', KEY_IS_REGISTERED);
    return proven;
  }

  #wait(asked: Asked): Promise<RegistrationView> {
    const { id, name, contact, keys, jwksUri, now } = asked;
    const registration = {
      id: uuidV7(now),
      partner_id: id,
      name,
      contact,
      keys,
      jwks_uri: jwksUri ?? null,
      created_at: now,
      expires_at: new Date(now.getTime() + this.settings.PENDING_DAYS * DAY_MS),
    };
    return this.database.db.transaction().execute(async (tx) => {
      await lockPending(tx);
      await this.#refuseTooMany(tx, id, now);
      await this.#useUp(tx, asked);
      await insertRegistration(tx, registration);
      await record(tx, {
        ...authorOf(asked),
        action: 'registration.created',
        target: registration.id,
        to: { keys: keys.map(keyNames), expiresAt: registration.expires_at },
      });
      return {
        ...viewOf(asked),
        status: 'pending',
        registrationId: registration.id,
        expiresAt: registration.expires_at,
      };
    });
  }

  async #refuseTooMany(tx: Db, id: PartnerId, now: Date): Promise<void> {
    const pending = await countPending(tx, id, now);
    if (pending.ofId >= MAX_PENDING_OF_ID)
      throw new Refused('rate_limited', 'too many registrations wait for this id');
    if (pending.all >= this.settings.PENDING_MAX)
      throw new Refused('rate_limited', 'too many registrations wait');
  }

  #enrol(asked: Asked, invite: InviteShown): Promise<RegistrationView> {
    const { id, keys, jwksUri, now } = asked;
    return orTaken(() =>
      changeTrust(this.database.db, async (tx) => {
        if (!(await useInvite(tx, invite))) throw inviteRefused();
        await this.#useUp(tx, asked);
        const was = await lockPartner(tx, id);
        const revoked = await standingKeys(tx, id);
        const partner = await enrolPartner(tx, asked, was);
        await insertKeys(tx, { partnerId: id, keys }, now);
        // Whoever lost all keys may have lost the place of the set too.
        await removeSource(tx, id);
        if (jwksUri !== undefined) await putSource(tx, id, jwksUri, now);
        await deleteRegistrationsOf(tx, id);
        await record(tx, {
          ...authorOf(asked),
          action: 'partner.enrolled',
          target: id,
          ...(was === undefined ? {} : { from: enrolment(was, revoked.map(keyFacts)) }),
          to: enrolment(partner, keys.map(keyNames)),
        });
        await tell(tx, 'keys', id);
        return { ...viewOf(asked), status: partner.status };
      }),
    );
  }

  async #useUp(tx: Db, { used }: Asked): Promise<void> {
    if (!(await this.keySets.used.useAll(used, tx)))
      throw new Refused('proof_invalid', 'jti was used before');
  }
}

/** A new partner; or the one that was, of whose keys none holds any more. */
async function enrolPartner(
  tx: Db,
  { id, name, contact, now }: Asked,
  existing: Partner | undefined,
): Promise<Partner> {
  if (existing === undefined)
    return insertPartner(tx, { id, name, contact, rs256Allowed: false }, now);
  await revokeKeys(tx, id, { at: now, since: null, reason: 're-enrolled' });
  return changePartner(tx, id, { name, contact }, now);
}

/** Who registers has no token yet, but has shown to hold its keys. */
function authorOf({ id, keys, now }: Asked): { by: Author; at: Date; partner: PartnerId } {
  const jkt = keys.find((key) => key.use === 'sig')?.jkt;
  return { by: { scope: 'none', id, ...(jkt === undefined ? {} : { jkt }) }, at: now, partner: id };
}

function enrolment(partner: Partner, keys: readonly Facts[]): Facts {
  return { ...partnerFacts(partner), keys };
}

function viewOf({ id, name, keys, now }: Asked): Omit<RegistrationView, 'status'> {
  return { id, name, keys: keys.map(keySummary), createdAt: now };
}

// Wrong, used, expired and another id's are one answer.
function inviteRefused(): Refused {
  return new Refused('forbidden', 'the invite does not hold');
}

import { Injectable } from '@nestjs/common';
import { admitKey, type AdmittedKey } from '../crypto/index.js';
import { type KeyId, type PartnerId, Refused } from '../envelope/index.js';
import {
  type Caller,
  changeTrust,
  Clock,
  Database,
  Log,
  Settings,
  type Db,
  underTrust,
} from '../platform/index.js';
import { record } from './audit.store.js';
import { keyFacts } from './audited.js';
import {
  findKey,
  insertKeys,
  isUsable,
  pageOfKeys,
  type PartnerKeyRow,
  retireKey,
  type Revocation,
  revokeKeys,
  standingKeys,
  type Validity,
} from './key.store.js';
import type { KeyBody, KeyView, RevokeBody } from './keys.dto.js';
import { comesFromSource, takePending } from './key-source/key-source.store.js';
import { mapPage, type Page, type PageAsked, pageOf } from './page.js';
import { findPartner, lockPartner } from './partner.store.js';
import { proveKey, type Signer, signerOfStatement, stateKey, storedKey } from './prove-keys.js';
import { publicJwkOf } from './public-jwk.js';
import { orTaken } from './taken.js';
import { tell } from './tell.store.js';
import { type OneTime, UsedTokens } from './used-tokens.store.js';
import { keyView, kidInPath } from './views.js';

/** Enough for every algorithm and a rotation of each. */
const MAX_ACTIVE_KEYS = 32;

/** A partner's own keys: added by proof and statement, retired, revoked; never removed, never reused. */
@Injectable()
export class OwnKeys {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly settings: Settings,
    private readonly used: UsedTokens,
    private readonly log: Log,
  ) {}

  async list({ id }: Caller, asked: PageAsked): Promise<Page<KeyView>> {
    const rows = await pageOfKeys(this.database.db, id, { ...asked, limit: asked.limit + 1 });
    return mapPage(
      pageOf(rows, asked.limit, (row) => row.kid),
      keyView,
    );
  }

  /** What is proved outside the transaction is looked at again inside it, where it cannot change. */
  async add(by: Caller, body: KeyBody): Promise<KeyView> {
    const { id } = by;
    const validity = validityOf(body, this.clock.now());
    const proven = await this.#prove(id, body);
    const view = await orTaken(() =>
      underTrust(this.database.db, async (tx) => {
        const partner = await lockPartner(tx, id);
        if (partner?.status !== 'active') throw new Refused('partner_inactive');
        await this.#refuseUnlessStated(tx, id, proven.statedBy);
        if (!(await this.used.useAll(proven.used, tx)))
          throw new Refused('proof_invalid', 'jti was used before');
        const keys = [storedKey(proven.key, body.statement)];
        const at = this.clock.now();
        await insertKeys(tx, { partnerId: id, keys, validity }, at);
        const { kid, jkt } = proven.key;
        if (await takePending(tx, id, kid, jkt)) await comesFromSource(tx, id, kid);
        const key = await theKey(tx, id, kid);
        const change = { by, at, partner: id, target: key.kid, to: keyFacts(key) };
        await record(tx, { ...change, action: 'key.added' });
        await tell(tx, 'keys', id);
        return keyView(key);
      }),
    );
    this.log.step('key.added', { partnerId: id, kid: view.kid, jkt: view.jkt, use: view.use });
    return view;
  }

  /** It signs, or is sealed to, no more; what it signed before still holds. */
  async retire(by: Caller, wanted: string): Promise<KeyView> {
    const kid = kidInPath(wanted);
    return this.#change(by, kid, 'key.retired', async (tx, key) => {
      if (key.status !== 'active') return;
      await this.#refuseLast(tx, key);
      await retireKey(tx, by.id, kid, this.clock.now());
    });
  }

  /**
   * When this resolves, nothing that the key signed is accepted, or begins to be delivered unless it was
   * accepted before `since`. What waits and no longer holds is rejected by a worker soon after.
   */
  async revoke(by: Caller, wanted: string, body: RevokeBody): Promise<KeyView> {
    const kid = kidInPath(wanted);
    const revocation = this.#revocation(body);
    return this.#change(by, kid, 'key.revoked', (tx) => revokeKeys(tx, by.id, revocation, kid));
  }

  async #prove(id: PartnerId, { jwk, proof, statement }: KeyBody): Promise<Proven> {
    const { db } = this.database;
    const partner = await findPartner(db, id);
    const key = await admitKey(jwk, { allowRs256: partner?.rs256_allowed ?? false });
    const scene = { partnerId: id, issuer: this.settings.issuer, now: this.clock.now() };
    const signers = signersOf(await this.#usable(db, id));
    const stated = await stateKey(key, statement, signers, scene);
    const statedBy = signerOfStatement(statement);
    if (key.use === 'sig')
      return { key, statedBy, used: [stated, await proveKey(key, proof, scene)] };
    if (proof !== undefined) throw new Refused('proof_invalid', 'proof: an enc key has none');
    return { key, statedBy, used: [stated] };
  }

  async #refuseUnlessStated(tx: Db, id: PartnerId, statedBy: KeyId): Promise<void> {
    const now = this.clock.now();
    const standing = await standingKeys(tx, id);
    // Those that are not valid yet count too: they will be.
    if (standing.filter((key) => mayBeUsed(key, now)).length >= MAX_ACTIVE_KEYS)
      throw new Refused('conflict', `at most ${MAX_ACTIVE_KEYS} active keys: retire one first`);
    const usable = standing.filter((key) => isUsable(key, now));
    if (!usable.some((key) => key.use === 'sig' && key.kid === statedBy))
      throw new Refused('proof_invalid', 'statement: not by an active sig key of the partner');
  }

  async #usable(db: Db, id: PartnerId): Promise<PartnerKeyRow[]> {
    const now = this.clock.now();
    return (await standingKeys(db, id)).filter((key) => isUsable(key, now));
  }

  // Without a sig key a partner can neither authenticate nor state another; revoking is for when it must.
  async #refuseLast(tx: Db, key: PartnerKeyRow): Promise<void> {
    if (key.use === 'enc') return;
    const usable = await this.#usable(tx, key.partner_id);
    if (!usable.some((other) => other.use === 'sig' && other.kid !== key.kid))
      throw new Refused('conflict', 'the last active sig key: add another, or revoke it');
  }

  #revocation({ reason, since }: RevokeBody): Revocation {
    const at = this.clock.now();
    if (since === undefined) return { at, since: null, reason: reason ?? null };
    const moment = new Date(since);
    if (moment > at) throw new Refused('validation_failed', 'since is in the future');
    return { at, since: moment, reason: reason ?? null };
  }

  async #change(
    by: Caller,
    kid: KeyId,
    action: 'key.retired' | 'key.revoked',
    work: (tx: Db, key: PartnerKeyRow) => Promise<void>,
  ): Promise<KeyView> {
    const { id } = by;
    const view = await changeTrust(this.database.db, async (tx) => {
      const was = await theKey(tx, id, kid);
      await work(tx, was);
      const key = await theKey(tx, id, kid);
      if (key.status !== was.status) {
        const change = { by, at: this.clock.now(), partner: id, target: kid };
        await record(tx, { ...change, action, from: keyFacts(was), to: keyFacts(key) });
      }
      await tell(tx, 'keys', id);
      return keyView(key);
    });
    this.log.step(action, { partnerId: id, kid, jkt: view.jkt, status: view.status });
    return view;
  }
}

function mayBeUsed(key: PartnerKeyRow, now: Date): boolean {
  return key.status === 'active' && (key.not_after === null || key.not_after > now);
}

function validityOf({ notBefore, notAfter }: KeyBody, now: Date): Validity {
  const from = notBefore === undefined ? undefined : new Date(notBefore);
  const to = notAfter === undefined ? undefined : new Date(notAfter);
  if (to !== undefined && (to <= now || to <= (from ?? now)))
    throw new Refused('validation_failed', 'notAfter must be in the future and after notBefore');
  return {
    ...(from === undefined ? {} : { notBefore: from }),
    ...(to === undefined ? {} : { notAfter: to }),
  };
}

interface Proven {
  readonly key: AdmittedKey;
  readonly statedBy: KeyId;
  readonly used: readonly OneTime[];
}

function signersOf(keys: readonly PartnerKeyRow[]): Signer[] {
  return keys
    .filter((key) => key.use === 'sig')
    .map((key) => ({ kid: key.kid, jkt: key.jkt, jwk: publicJwkOf(key) }));
}

async function theKey(tx: Db, owner: PartnerId, kid: KeyId): Promise<PartnerKeyRow> {
  const key = await findKey(tx, owner, kid);
  if (key === undefined) throw new Refused('not_found');
  return key;
}

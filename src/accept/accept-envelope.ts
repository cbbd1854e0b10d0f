import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../envelope/index.js';
import { AcceptancesStore, type Identity } from '../ledger/index.js';
import { TrustStore } from '../partners/index.js';
import { Clock, Settings, uuidV7 } from '../platform/index.js';
import { Receipts } from '../receipts/index.js';
import {
  jtiOf,
  SignedEnvelope,
  type Trust,
  VerifiedEnvelope,
  type World,
} from '../verify/index.js';

/** What the sender gets: the receipt is the one that was stored, whichever request stored it. */
export interface Accepted {
  readonly id: string;
  readonly iss: PartnerId;
  readonly jti: string;
  readonly receipt: string;
  /** True when the same bytes had been accepted before: nothing is delivered twice. */
  readonly repeated: boolean;
}

/** What came with the envelope. */
export interface Brought {
  /** Whose access token brought it; nobody else's envelopes are taken with it. */
  readonly by?: PartnerId;
  /** W3C trace id of the request; goes on with the delivery. */
  readonly traceId?: string | undefined;
}

/** What the ledger answered in vain: trust changed between verification and commit. */
class TrustChanged extends Error {}

const RETRIES = 3;

/** STEP 1: verify, then write, then answer. */
@Injectable()
export class AcceptEnvelope {
  constructor(
    private readonly trust: TrustStore,
    private readonly acceptances: AcceptancesStore,
    private readonly receipts: Receipts,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Accepts one envelope. When this resolves it is durable, and the sender need not send again; identical
   * bytes get the identical receipt. Throws Refused, and then nothing is left behind.
   */
  async run(token: unknown, brought: Brought = {}): Promise<Accepted> {
    try {
      return await this.#acceptOn(this.trust.remembered, token, brought);
    } catch (error) {
      if (!isAboutTrust(error)) throw error;
    }
    return this.#acceptOnFresh(token, brought, RETRIES);
  }

  async #acceptOnFresh(token: unknown, brought: Brought, tries: number): Promise<Accepted> {
    try {
      return await this.#acceptOn(this.trust.fresh, token, brought);
    } catch (error) {
      if (!(error instanceof TrustChanged)) throw error;
      if (tries <= 1) throw new Refused('unavailable', 'keys or grants keep changing');
      return this.#acceptOnFresh(token, brought, tries - 1);
    }
  }

  async #acceptOn(trust: Trust, token: unknown, { by, traceId }: Brought): Promise<Accepted> {
    const world: World = {
      now: this.clock.now(),
      issuer: this.settings.issuer,
      trust,
      step: 'acceptance',
    };
    const signed = await SignedEnvelope.authenticate(token, world);
    if (by !== undefined && by !== signed.iss) throw new Refused('forbidden', 'iss is not you');
    try {
      return await this.#append(await VerifiedEnvelope.check(signed, world), traceId);
    } catch (error) {
      // A repeat is answered before time and policy: what was promised then still holds now.
      const before = error instanceof Refused ? await this.#before(signed) : undefined;
      if (before === undefined) throw error;
      return before;
    }
  }

  async #append(envelope: VerifiedEnvelope, traceId?: string): Promise<Accepted> {
    const { iss, jti } = envelope.claims;
    const id = uuidV7(envelope.verifiedAt);
    const receipt = await this.receipts.accepted(envelope);
    switch (await this.acceptances.append({ id, envelope, receipt, traceId })) {
      case 'appended':
        return { id, iss, jti, receipt, repeated: false };
      case 'distrusted':
        throw new TrustChanged();
      case 'known': {
        const before = await this.#before(envelope.signed);
        if (before === undefined) throw new Refused('replayed');
        return before;
      }
    }
  }

  async #before(signed: SignedEnvelope): Promise<Accepted | undefined> {
    const jti = jtiOf(signed.payload);
    if (jti === undefined) return undefined;
    const identity = await this.acceptances.identity(signed.iss, jti);
    if (identity === undefined || !sameBytes(identity, signed)) return undefined;
    return { id: identity.id, iss: signed.iss, jti, receipt: identity.receipt, repeated: true };
  }
}

function sameBytes(identity: Identity, signed: SignedEnvelope): boolean {
  return Buffer.compare(identity.sha256, signed.sha256) === 0;
}

// A key's material never changes under its kid, so a wrong signature is wrong however fresh the look.
const ABOUT_TRUST: ReadonlySet<string> = new Set([
  'key_unknown',
  'partner_inactive',
  'not_granted',
  'stale_recipient_key',
]);

function isAboutTrust(error: unknown): boolean {
  return error instanceof TrustChanged || (error instanceof Refused && ABOUT_TRUST.has(error.code));
}

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
  /** Charges the sender, once its signature holds and not before. Throws Refused. */
  readonly charge?: (sender: PartnerId) => Promise<void> | undefined;
}

/** What the ledger answered in vain: trust changed between verification and commit. */
class TrustChanged extends Error {}

const RETRIES = 3;
/** Room comes when the recipient takes something: nobody knows when that is. */
const OVER_QUOTA_SECONDS = 30;

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
    const once = chargedOnce(brought);
    try {
      return await this.#acceptOn(this.trust.remembered, token, once);
    } catch (error) {
      if (!isAboutTrust(error)) throw error;
    }
    return this.#acceptOnFresh(token, once, RETRIES);
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

  async #acceptOn(trust: Trust, token: unknown, brought: Brought): Promise<Accepted> {
    const { by, traceId, charge } = brought;
    const world: World = {
      now: this.clock.now(),
      issuer: this.settings.issuer,
      trust,
      step: 'acceptance',
    };
    const signed = await SignedEnvelope.authenticate(token, world);
    if (by !== undefined && by !== signed.iss) throw new Refused('forbidden', 'iss is not you');
    await charge?.(signed.iss);
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
      case 'over_quota':
        throw new Refused('over_quota', undefined, { retryAfter: OVER_QUOTA_SECONDS });
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

/** However often it is verified, an envelope costs its sender one. */
function chargedOnce({ charge, ...brought }: Brought): Brought {
  let charged = false;
  return {
    ...brought,
    charge: (sender) => {
      if (charged) return undefined;
      charged = true;
      return charge?.(sender);
    },
  };
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

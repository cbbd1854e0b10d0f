import { parseSealed } from '../crypto/index.js';
import type { EnvelopeClaims, KeyId } from '../envelope/index.js';
import { checkAlgorithm } from './checks/check-algorithm.js';
import { checkPartners } from './checks/check-partners.js';
import { checkSealed } from './checks/check-sealed.js';
import { checkTimes } from './checks/check-times.js';
import { checkType } from './checks/check-type.js';
import { checkVia } from './checks/check-via.js';
import type { Check } from './draft.js';
import { readClaims } from './read-claims.js';
import { SignedEnvelope } from './signed-envelope.js';
import type { World } from './world.js';

/**
 * Read this list to know what is verified after the signature, and in which order: the envelope itself
 * first, then time, then policy.
 *
 * Replay is not in it on purpose: a look-up would race, and the second verification would always fail
 * it. The unique key in the ledger says it, and says it once.
 */
const CHECKS: readonly Check[] = [
  checkVia,
  checkType,
  checkTimes,
  checkPartners,
  checkAlgorithm,
  checkSealed,
];

/** An envelope that passed every check at `verifiedAt`. Only this class makes one. */
export class VerifiedEnvelope {
  // A private field: no object literal can pretend.
  // oxlint-disable-next-line no-unused-private-class-members -- it is there for the compiler alone
  readonly #made = true;

  private constructor(
    readonly signed: SignedEnvelope,
    readonly claims: EnvelopeClaims,
    /** The recipient's key that the content is sealed to; undefined when it is open. */
    readonly sealedTo: KeyId | undefined,
    readonly verifiedAt: Date,
  ) {}

  /** The whole of it, from the bytes: signature, claims, time, policy. Throws Refused. */
  static async verify(token: unknown, world: World): Promise<VerifiedEnvelope> {
    return VerifiedEnvelope.check(await SignedEnvelope.authenticate(token, world), world);
  }

  /** What comes after the signature. Throws Refused. */
  static async check(signed: SignedEnvelope, world: World): Promise<VerifiedEnvelope> {
    const claims = readClaims(signed.payload);
    const sealed = claims.sealed === undefined ? undefined : parseSealed(claims.sealed);
    for (const check of CHECKS) await check({ signed, claims, sealed }, world);
    return new VerifiedEnvelope(signed, claims, sealed?.kid, world.now);
  }

  static is(value: object): value is VerifiedEnvelope {
    return #made in value;
  }
}

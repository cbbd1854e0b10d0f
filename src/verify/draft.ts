import type { SealedHeader } from '../crypto/index.js';
import type { EnvelopeClaims } from '../envelope/index.js';
import type { SignedEnvelope } from './signed-envelope.js';
import type { World } from './world.js';

/** An envelope on its way through the checks: signed, its claims read by type, nothing judged yet. */
export interface Draft {
  readonly signed: SignedEnvelope;
  readonly claims: EnvelopeClaims;
  /** What sealed content shows without its key; undefined when the content is open. */
  readonly sealed: SealedHeader | undefined;
}

/** Returns when the draft passes, throws Refused when it does not. */
export type Check = (draft: Draft, world: World) => void | Promise<void>;

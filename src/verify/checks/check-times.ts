import { LEEWAY_SECONDS, MAX_LIFETIME_SECONDS, Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';
import { secondsOf, type World } from '../world.js';

/** Not expired, not from the future, and not living longer than seven days (RFC 7519 section 4.1). */
export function checkTimes({ claims }: Draft, world: World): void {
  const now = secondsOf(world.now);
  const { iat, exp, nbf } = claims;
  if (iat > now + LEEWAY_SECONDS) throw new Refused('claims_invalid', 'iat');
  if (exp <= now - LEEWAY_SECONDS) throw new Refused('claims_invalid', 'exp');
  if (exp <= iat || exp - iat > MAX_LIFETIME_SECONDS) throw new Refused('claims_invalid', 'exp');
  if (nbf !== undefined && (nbf > now + LEEWAY_SECONDS || nbf > exp))
    throw new Refused('claims_invalid', 'nbf');
}

import { type PartnerId, Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';
import { holds, type World } from '../world.js';

/**
 * All that can be known of sealed content without reading it, once `parseSealed` took it: its header
 * repeats the envelope's `iss`, `aud` and `jti` (RFC 7519 section 5.3), and its `kid` names an
 * encryption key of the recipient. The authoritative checks are the recipient's.
 */
export async function checkSealed({ claims, sealed }: Draft, world: World): Promise<void> {
  if (sealed === undefined) return;
  for (const claim of ['iss', 'aud', 'jti'] as const)
    if (sealed[claim] !== claims[claim]) throw new Refused('header_not_allowed', `sealed.${claim}`);
  const key = await world.trust.key(claims.aud, sealed.kid);
  if (key === undefined || key.use !== 'enc') throw await staleKey(claims.aud, world);
  // RFC 8725 section 3.1: being on the list is not enough, it must be what the key is for.
  if (sealed.alg !== key.jwk.alg) throw new Refused('alg_not_allowed', 'sealed.alg');
  if (sealed.crv !== key.jwk['crv']) throw new Refused('header_not_allowed', 'sealed.epk');
  // An enc key that was retired since acceptance still delivers; the recipient holds its private half. One
  // that was revoked may be in other hands (ATTACKS 83).
  if (!holds(key, world)) throw await staleKey(claims.aud, world);
}

/** Says which key to seal to instead, with its statement: the sender MUST verify that before it does. */
async function staleKey(recipient: PartnerId, { trust, now }: World): Promise<Refused> {
  const current = await trust.keyToSealTo(recipient, now);
  return new Refused('stale_recipient_key', undefined, { ...current });
}

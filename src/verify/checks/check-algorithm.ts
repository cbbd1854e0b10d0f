import { Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';
import type { World } from '../world.js';

/**
 * The recipient's grant takes the algorithm of the signing key. By the key and not by the header, which may
 * use an alias; the commit rule's statements say the same.
 */
export async function checkAlgorithm({ claims, signed }: Draft, { trust }: World): Promise<void> {
  const { grant } = await trust.relation(claims.iss, claims.aud);
  if (grant?.algorithms === undefined) return;
  const alg = (await trust.key(claims.iss, signed.kid))?.jwk.alg;
  if (alg === undefined || !grant.algorithms.includes(alg === 'EdDSA' ? 'Ed25519' : alg))
    throw new Refused('not_granted', 'the grant does not take this algorithm');
}

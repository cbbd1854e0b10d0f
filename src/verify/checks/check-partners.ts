import { matchesType, Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';
import type { World } from '../world.js';

/**
 * The sender is active and the recipient lets it send this type. A recipient that does not exist, is
 * suspended, or has not granted: one answer, so that nobody can ask who is here (ATTACKS 151).
 */
export async function checkPartners({ claims }: Draft, world: World): Promise<void> {
  const { sender, recipient, grant } = await world.trust.relation(claims.iss, claims.aud);
  // Before delivery suspension holds a delivery, it does not reject it: the ledger sees to that.
  if (world.step === 'acceptance') {
    if (sender !== 'active') throw new Refused('partner_inactive');
    if (recipient !== 'active') throw new Refused('not_granted');
  }
  if (grant === undefined || !matchesType(grant.types, claims.type))
    throw new Refused('not_granted');
  if (grant.sealedOnly && claims.sealed === undefined)
    throw new Refused('not_granted', 'the grant takes sealed envelopes only');
}

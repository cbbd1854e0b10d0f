import { Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';
import type { World } from '../world.js';

/** The envelope is for this exchange: one for staging or for another exchange is refused. */
export function checkVia({ claims }: Draft, { issuer }: World): void {
  if (claims.via !== issuer) throw new Refused('claims_invalid', 'via');
}

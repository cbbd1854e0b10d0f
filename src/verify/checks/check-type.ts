import { isReservedType, Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';

/** Types beginning with `sealpost.` are the exchange's own. */
export function checkType({ claims }: Draft): void {
  if (isReservedType(claims.type)) throw new Refused('claims_invalid', 'type');
}

import { EXCHANGE_ID, isReservedType, Refused } from '../../envelope/index.js';
import type { Draft } from '../draft.js';

/** Types beginning with `sealpost.` are the exchange's own, and it sends no others. */
export function checkType({ claims }: Draft): void {
  if (isReservedType(claims.type) !== (claims.iss === EXCHANGE_ID))
    throw new Refused('claims_invalid', 'type');
}

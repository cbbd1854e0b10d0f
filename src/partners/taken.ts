import { Refused, type ReasonCode } from '../envelope/index.js';

const UNIQUE_VIOLATION = '23505';

/**
 * Runs `work` and says in our words what a unique key of the ledger refused: the only place where two
 * callers at once are told apart. MUST be around the transaction, which is rolled back by then.
 *
 * Never says whose the other row is.
 */
export async function orTaken<T>(
  work: () => Promise<T>,
  keyCode: ReasonCode = 'key_rejected',
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw takenOf(error, keyCode) ?? error;
  }
}

function takenOf(error: unknown, keyCode: ReasonCode): Refused | undefined {
  if (!(error instanceof Error) || Reflect.get(error, 'code') !== UNIQUE_VIOLATION)
    return undefined;
  switch (Reflect.get(error, 'constraint')) {
    case 'partner_pkey':
      return new Refused('id_taken');
    case 'partner_key_jkt_key':
      return new Refused(keyCode, KEY_IS_REGISTERED);
    case 'partner_key_pkey':
      return new Refused(keyCode, 'a kid was used before by this partner');
    default:
      return undefined;
  }
}

/** One sentence for all: whose it is, and whether it was revoked, is nobody's business. */
export const KEY_IS_REGISTERED = 'a key is registered already; make a new one';

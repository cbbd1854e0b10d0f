/** SQLSTATE classes and socket errors that mean "the ledger cannot be used now", not "this is wrong". */
const UNAVAILABLE = /^(?:08|53|57P|57014|40001|40P01|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)/;
const MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/;

/** True when the same call may succeed later: the caller gets 503 with Retry-After, not 500. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && UNAVAILABLE.test(code)) return true;
  return MESSAGES.test(error.message) || isUnavailable(error.cause);
}

import { errors } from 'undici';

/** Why an exchange with a partner's endpoint brought no status. */
export type EgressFaultReason =
  | 'url_rejected'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'response_invalid'
  | 'response_too_large';

const SAYS: Readonly<Record<EgressFaultReason, string>> = {
  url_rejected: 'The guard does not let the exchange call this URL',
  dns: 'The name did not resolve',
  connect: 'No connection could be made',
  tls: 'No secure connection could be made',
  timeout: 'The answer did not come in time',
  reset: 'The connection broke before the answer',
  response_invalid: 'The answer is not HTTP',
  response_too_large: 'The headers of the answer are too large',
};

/**
 * One request brought no status line.
 *
 * The message is one of a fixed set: no address and no text of the other side. Even so the reason tells an
 * open port from a closed one, so partners MUST NOT be shown which reason it was; operators may.
 */
export class EgressFault extends Error {
  override readonly name = 'EgressFault';

  constructor(
    readonly reason: EgressFaultReason,
    /** Code of the system or library, e.g. `ECONNREFUSED`; for the operator's log alone. */
    readonly code?: string,
  ) {
    super(SAYS[reason]);
  }
}

const REASON_BY_CODE: ReadonlyMap<string, EgressFaultReason> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'connect'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['UND_ERR_HEADERS_OVERFLOW', 'response_too_large'],
  ['HPE_HEADER_OVERFLOW', 'response_too_large'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'response_invalid'],
  // undici 8.12 trips over a 101 that names no protocol.
  ['ERR_ASSERTION', 'response_invalid'],
  // Only what we send can cause it: a header or a path that HTTP cannot carry.
  ['UND_ERR_INVALID_ARG', 'url_rejected'],
]);

// undici gives a final answer of 100 or 101 the same code as a broken socket; the message is the only difference.
const NOT_HTTP: ReadonlySet<string> = new Set(['bad response', 'bad upgrade']);

/** Puts what undici threw into our words; what is not known is a broken connection. */
export function faultOf(error: unknown): EgressFault {
  if (error instanceof EgressFault) return error;
  const code = codeOf(error);
  const known = REASON_BY_CODE.get(code ?? '');
  return new EgressFault(known ?? (isNotHttp(error) ? 'response_invalid' : 'reset'), code);
}

function isNotHttp(error: unknown): boolean {
  if (error instanceof errors.HTTPParserError) return true;
  return error instanceof errors.SocketError && NOT_HTTP.has(error.message);
}

/** The error's code when it looks like one: nothing else of an error is kept. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : undefined;
}

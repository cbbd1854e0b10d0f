import { JsonFault, parseStrictJson } from '../../envelope/index.js';
import type { EgressAnswer } from '../../egress/index.js';
import { retryAfterMs } from '../back-off.js';
import type { Outcome } from '../outcome.js';

/** RFC 8935 section 2.4: no second attempt will be answered otherwise. */
const PERMANENT: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_issuer',
  'invalid_audience',
]);
const ERR = /^[a-z_]{1,64}$/;

/** What an endpoint's answer means (RFC 8935 section 2; STANDARDS.md B.2 retry classes). */
export function classifyAnswer(answer: EgressAnswer, attempt: number, now: Date): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { is: 'delivered', status };
  if (status === 410) return { is: 'gone', status };
  if (status === 400) return classifyError(answer, attempt);
  // Never followed: a redirect would hand the envelope to whoever the answer names.
  if (status >= 300 && status < 400) return { is: 'again', because: 'redirect', status };
  const afterMs = retryAfterMs(answer.headers['retry-after'], now);
  return {
    is: 'again',
    because: `http_${status}`,
    status,
    ...(afterMs === undefined ? {} : { retryAfterMs: afterMs }),
  };
}

function classifyError({ status, body }: EgressAnswer, attempt: number): Outcome {
  const err = errOf(body);
  if (err === undefined) return { is: 'again', because: 'http_400', status };
  // One more attempt with the recipient's keys refreshed, then it is final.
  const final = PERMANENT.has(err) || (err === 'invalid_key' && attempt > 1);
  return { is: final ? 'never' : 'again', because: err, status };
}

/** The `err` of an RFC 8935 section 2.3 body; whatever else stands there is not repeated anywhere. */
function errOf(body: string): string | undefined {
  try {
    const parsed = parseStrictJson(body);
    const err: unknown =
      typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'err') : undefined;
    return typeof err === 'string' && ERR.test(err) ? err : undefined;
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

import { Refused } from '../../envelope/index.js';

const MAX_ACKS = 1_000;
/** `err` words of RFC 8935 section 2.4 and of the recipient's own. */
const ERR = /^[A-Za-z0-9_.-]{1,64}$/;
/** A delivery id is a UUID; anything longer is none of ours. */
const MAX_ID_CHARS = 64;

/** RFC 8936 section 2.2; unknown members are ignored, as it says. */
export class PollRequest {
  /** Most envelopes to return; 0 acknowledges only. At most 100 are returned at once. @example 10 */
  maxEvents?: number;
  /** False (the default): wait for the first envelope. @example true */
  returnImmediately?: boolean;
  /** Delivery ids that are done with. */
  ack?: string[];
  /** Delivery ids that are refused, each with an `err` word and a description. */
  setErrs?: Record<string, { err: string; description?: string }>;
}

export class PollAnswer {
  /** Envelopes by delivery id, exactly as their senders signed them. */
  sets!: Record<string, string>;
  /** Present and true when a poll right after this one would find more. */
  moreAvailable?: boolean;
}

/** RFC 8936 section 2.6. */
export class PollRefusal {
  /** @example "invalid_request" */
  err!: string;
  /** For a person; never repeats what was sent. */
  description!: string;
}

/** What a poll asks for, read strictly by type. */
export interface Poll {
  readonly maxEvents: number | undefined;
  readonly returnImmediately: boolean;
  readonly ack: readonly string[];
  readonly setErrs: readonly { readonly deliveryId: string; readonly err: string }[];
}

/** Throws `validation_failed` naming the member. */
export function readPoll(body: unknown): Poll {
  const { maxEvents, returnImmediately, ack, setErrs } = objectOf(body, 'body');
  if (maxEvents !== undefined && (!Number.isSafeInteger(maxEvents) || Number(maxEvents) < 0))
    throw invalid('maxEvents');
  if (returnImmediately !== undefined && typeof returnImmediately !== 'boolean')
    throw invalid('returnImmediately');
  return {
    maxEvents: typeof maxEvents === 'number' ? maxEvents : undefined,
    returnImmediately: returnImmediately === true,
    ack: readAck(ack),
    setErrs: readSetErrs(setErrs),
  };
}

function readAck(ack: unknown): string[] {
  if (ack === undefined) return [];
  if (!Array.isArray(ack) || ack.length > MAX_ACKS) throw invalid('ack');
  return ack.map((id: unknown) => {
    if (typeof id !== 'string') throw invalid('ack');
    return id;
  });
}

function readSetErrs(setErrs: unknown): Poll['setErrs'] {
  if (setErrs === undefined) return [];
  const entries = Object.entries(objectOf(setErrs, 'setErrs'));
  if (entries.length > MAX_ACKS) throw invalid('setErrs');
  return entries.map(([deliveryId, value]) => {
    const { err, description } = objectOf(value, 'setErrs');
    if (typeof err !== 'string' || !ERR.test(err)) throw invalid('setErrs.err');
    if (description !== undefined && typeof description !== 'string')
      throw invalid('setErrs.description');
    return { deliveryId: deliveryId.slice(0, MAX_ID_CHARS), err };
  });
}

function objectOf(value: unknown, member: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(member);
  return { ...value };
}

function invalid(member: string): Refused {
  return new Refused('validation_failed', member);
}

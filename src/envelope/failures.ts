import { CLIENT_REASONS, type ClientReasonCode, REASONS, type ReasonCode } from './reasons.js';

/**
 * The caller can mend this: they get the code, its sentence and where it went wrong.
 *
 * `detail` MUST NOT hold tokens, keys, contents or header values: names, sizes and limits only.
 */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly code: ReasonCode,
    readonly detail?: string,
    /** Members added to the problem document, e.g. the current key with `stale_recipient_key`. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail === undefined ? REASONS[code].says : `${REASONS[code].says}: ${detail}`);
  }

  get status(): number {
    return REASONS[this.code].status;
  }
}

/**
 * A partner's own client does not take this. `detail` names a claim or rule, never content: it may reach
 * whoever made the thing that was refused.
 */
export class Rejected extends Error {
  override readonly name = 'Rejected';

  constructor(
    readonly code: ClientReasonCode,
    readonly detail?: string,
  ) {
    const { says } = CLIENT_REASONS[code];
    super(detail === undefined ? says : `${says}: ${detail}`);
  }
}

/** Only we can mend this: the caller gets `internal` and a request id, the log gets the cause. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

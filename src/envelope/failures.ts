import { REASONS, type ReasonCode } from './reasons.js';

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

/** Only we can mend this: the caller gets `internal` and a request id, the log gets the cause. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

import type { ReasonCode } from '../envelope/index.js';

/** How one attempt ended: a closed set. Only the unexpected is thrown. */
export type Outcome =
  /** A 2xx, and no more than that. */
  | { readonly is: 'delivered'; readonly status: number }
  /** Worth another attempt. */
  | {
      readonly is: 'again';
      readonly because: string;
      readonly status?: number;
      readonly retryAfterMs?: number;
    }
  /** A permanent answer (RFC 8935 section 2.4). */
  | { readonly is: 'never'; readonly because: string; readonly status?: number }
  /** 410: the endpoint wants nothing any more; what waits for it is held. */
  | { readonly is: 'gone'; readonly status: number }
  /** It did not pass the second verification. */
  | { readonly is: 'rejected'; readonly because: ReasonCode }
  /** The process is going down; the attempt is handed back. */
  | { readonly is: 'interrupted' };

import type { PartnerId } from './ids.js';

/** What an envelope says, after its claims were checked (DESIGN.md section 3). Times are Unix seconds. */
export interface EnvelopeClaims {
  readonly iss: PartnerId;
  readonly aud: PartnerId;
  /** The issuer URL of the exchange the envelope is for. */
  readonly via: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly nbf?: number;
  readonly type: string;
  /** Exactly one of `data` and `sealed` is present. */
  readonly data?: unknown;
  readonly sealed?: string;
  /** Correlation id, as in RFC 8417 section 2.2. */
  readonly txn?: string;
  readonly reply_to?: { readonly iss: string; readonly jti: string };
  readonly ordering_key?: string;
}

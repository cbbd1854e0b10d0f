/**
 * The `typ` of every kind of JWT that Sealpost makes or takes. Each has its own validation rules and
 * none is taken for another (RFC 8725 sections 3.11 and 3.12). Compared exactly.
 */
export const TYP = {
  envelope: 'sealpost-envelope+jwt',
  message: 'sealpost-message+jwt',
  receipt: 'sealpost-receipt+jwt',
  keyProof: 'sealpost-key-proof+jwt',
  keyStatement: 'sealpost-key-statement+jwt',
  /** RFC 9068 section 2.1. */
  accessToken: 'at+jwt',
  /** draft-ietf-oauth-rfc7523bis; optional there, so optional here. */
  clientAuthentication: 'client-authentication+jwt',
} as const;

/** Seconds that clocks may differ before a time claim is refused. */
export const LEEWAY_SECONDS = 60;
/** Longest time between `iat` and `exp` of an envelope, and from now to `exp`: seven days. */
export const MAX_LIFETIME_SECONDS = 7 * 24 * 60 * 60;
/** Longest time from now to `exp` of a proof, statement or client assertion. */
export const MAX_PROOF_SECONDS = 10 * 60;

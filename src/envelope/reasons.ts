interface Reason {
  /** HTTP status that goes with the code. */
  readonly status: number;
  /** One sentence for a person; never holds content. Programs match on the code. */
  readonly says: string;
}

/**
 * Every reason to refuse, in one table: types, problem+json, docs/errors.md, tests and metrics read it.
 *
 * A code once released MUST NOT be given another meaning.
 */
export const REASONS = {
  envelope_malformed: { status: 400, says: 'The token is not a well-formed compact JWS' },
  header_not_allowed: { status: 400, says: 'The header has a member or value that is not allowed' },
  alg_not_allowed: { status: 400, says: 'The algorithm is not allowed for this key' },
  claims_invalid: { status: 400, says: 'A claim is missing or has a value that is not allowed' },
  validation_failed: { status: 400, says: 'The request has members that are not valid' },
  key_unknown: { status: 401, says: 'No active key of this sender has this kid' },
  signature_invalid: { status: 401, says: 'The signature was not made with this key' },
  unauthorized: { status: 401, says: 'A valid access token is required' },
  not_granted: { status: 403, says: 'The recipient has not granted this sender this type' },
  forbidden: { status: 403, says: 'This caller may not do this' },
  partner_inactive: { status: 403, says: 'This partner is not active' },
  not_found: { status: 404, says: 'There is nothing here for this caller' },
  method_not_allowed: { status: 405, says: 'This resource does not take this method' },
  too_large: { status: 413, says: 'The request is larger than this route takes' },
  unsupported_media_type: { status: 415, says: 'This route does not take this content type' },
  replayed: { status: 409, says: 'This jti was used before with other content' },
  stale_recipient_key: { status: 409, says: 'The content is sealed to a key that is not active' },
  id_taken: { status: 409, says: 'This partner id is taken' },
  conflict: { status: 409, says: 'The state of the resource does not allow this' },
  key_rejected: { status: 422, says: 'A key does not meet the key policy' },
  proof_invalid: { status: 422, says: 'A key proof or key statement does not hold' },
  url_rejected: { status: 422, says: 'The URL is not one the exchange will call' },
  rate_limited: { status: 429, says: 'Too many requests' },
  over_quota: { status: 429, says: 'Too much is waiting between this sender and this recipient' },
  internal: { status: 500, says: 'Something broke on our side' },
  unavailable: { status: 503, says: 'The exchange cannot do this just now; try again' },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof REASONS;

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

interface ClientReason {
  /** The word of RFC 8935 section 2.4 by which the exchange is told. */
  readonly err: string;
  readonly says: string;
}

/**
 * Why a client does not take what the exchange delivered or published: what only the two partners can
 * judge. The exchange itself never answers these.
 */
export const CLIENT_REASONS = {
  binding_mismatch: {
    err: 'invalid_request',
    says: 'The sealed message is not the one that its envelope speaks of',
  },
  cannot_open: { err: 'invalid_key', says: 'The sealed content cannot be opened' },
  replayed_here: { err: 'invalid_request', says: 'This jti came before with other content' },
  peer_unknown: {
    err: 'invalid_issuer',
    says: 'The partner shows no key that is pinned, was seen before, or is stated by one that is',
  },
  not_sealed: { err: 'access_denied', says: 'This recipient takes this only sealed' },
  content_invalid: {
    err: 'invalid_request',
    says: 'The content is not what its type promises',
  },
  receipt_invalid: {
    err: 'invalid_request',
    says: 'The receipt does not speak of what it was given for',
  },
} as const satisfies Record<string, ClientReason>;

export type ClientReasonCode = keyof typeof CLIENT_REASONS;

/** What the token endpoint refuses, by the words of RFC 6749 section 5.2. */
export const OAUTH_ERRORS = {
  invalid_request: 400,
  invalid_client: 401,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_dpop_proof: 400,
} as const satisfies Record<string, number>;
export type OauthErrorCode = keyof typeof OAUTH_ERRORS;

/** The client can mend this. The description MUST NOT repeat what was sent. */
export class OauthError extends Error {
  override readonly name = 'OauthError';

  constructor(
    readonly code: OauthErrorCode,
    readonly description: string,
  ) {
    super(`${code}: ${description}`);
  }

  get status(): number {
    return OAUTH_ERRORS[this.code];
  }
}

/**
 * One answer for whatever is wrong with the client or its assertion: an unknown partner, an unknown
 * key, a wrong signature or claim, a jti used before. It tells nobody who is registered.
 */
export function invalidClient(): OauthError {
  return new OauthError('invalid_client', 'The client assertion does not hold');
}

/** The form of the token request. Documentation only: RFC 6749 has rules of its own for forms. */
export class TokenForm {
  /** @example "client_credentials" */
  declare readonly grant_type: string;
  /** @example "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" */
  declare readonly client_assertion_type: string;
  /**
   * A JWT by one of the client's keys: `iss` and `sub` are the client's id, `aud` is the issuer of the
   * exchange, `exp` is at most ten minutes away, `jti` is used once. `typ` may be absent, `JWT` or
   * `client-authentication+jwt`.
   * @example "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiMSJ9.eyJpc3MiOiJhY21lIn0.c2lnbmF0dXJl"
   */
  declare readonly client_assertion: string;
  /**
   * The client's id; must be the assertion's.
   * @example "acme"
   */
  declare readonly client_id?: string;
  /**
   * `partner`, or `operator` for the operator.
   * @example "partner"
   */
  declare readonly scope?: string;
}

/** An access token (RFC 6749 section 5.1). */
export class AccessToken {
  /**
   * For the Authorization header, after `token_type` and a space.
   * @example "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl"
   */
  declare readonly access_token: string;
  /**
   * `DPoP`: bound to the key of the proof that came with the request.
   * @example "Bearer"
   */
  declare readonly token_type: 'Bearer' | 'DPoP';
  /**
   * Seconds.
   * @example 600
   */
  declare readonly expires_in: number;
  /** @example "partner" */
  declare readonly scope: string;
}

/** RFC 6749 section 5.2. */
export class TokenRefusal {
  /**
   * `invalid_request`, `invalid_client`, `unsupported_grant_type`, `invalid_scope` or `invalid_dpop_proof`.
   * @example "invalid_client"
   */
  declare readonly error: string;
  /**
   * For a person; never repeats what was sent.
   * @example "The client assertion does not hold"
   */
  declare readonly error_description: string;
}

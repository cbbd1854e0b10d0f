import { ApiProperty } from '@nestjs/swagger';

/** A JWK Set (RFC 7517). */
export class ExchangeJwks {
  /**
   * Every public key the exchange ever signed with. In Unix seconds: `nbf`, when it was first in service;
   * `sealpost_last_used`, after which nothing honest was signed with it.
   * @example [{ "kty": "EC", "crv": "P-256", "x": "…", "y": "…", "kid": "…", "use": "sig", "alg": "ES256", "nbf": 1767225600, "sealpost_last_used": 1769817600 }]
   */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  declare readonly keys: readonly object[];
}

/** Which algorithms keys and envelopes may have. */
export class ExchangeAlgorithms {
  /**
   * Signatures. RS256 is taken besides, where the operator allows it for a partner.
   * @example ["Ed25519", "ES256"]
   */
  declare readonly sign: string[];
  /**
   * Key management of sealed envelopes.
   * @example ["ECDH-ES", "ECDH-ES+A256KW"]
   */
  declare readonly seal: string[];
  /**
   * Content encryption of sealed envelopes.
   * @example ["A256GCM"]
   */
  declare readonly content: string[];
}

/** What the exchange takes at most. */
export class ExchangeLimits {
  /**
   * Bytes of one envelope.
   * @example 1048576
   */
  declare readonly envelopeBytes: number;
  /**
   * Envelopes in one batch.
   * @example 100
   */
  declare readonly batchEnvelopes: number;
  /**
   * Bytes of one batch.
   * @example 16777216
   */
  declare readonly batchBytes: number;
  /**
   * Longest time between `iat` and `exp` of an envelope.
   * @example 604800
   */
  declare readonly lifetimeSeconds: number;
  /**
   * Longest time from now to `exp` of a proof, a statement or a client assertion.
   * @example 600
   */
  declare readonly proofSeconds: number;
  /**
   * How far clocks may differ.
   * @example 60
   */
  declare readonly leewaySeconds: number;
  /**
   * Keys in one JWK Set.
   * @example 16
   */
  declare readonly keysInSet: number;
  /**
   * Time to ack after a poll.
   * @example 60
   */
  declare readonly pollLeaseSeconds: number;
  /**
   * Time a poll waits for the first envelope.
   * @example 30
   */
  declare readonly longPollSeconds: number;
  /**
   * Days that contents are kept; digests and receipts stay longer.
   * @example 30
   */
  declare readonly retentionDays: number;
}

/** What a client needs to know of this exchange. */
export class ExchangeDescription {
  /**
   * The exchange's name: `via` of envelopes, `aud` of proofs, statements and assertions.
   * @example "http://localhost:3000"
   */
  declare readonly issuer: string;
  /** @example "http://localhost:3000/.well-known/jwks.json" */
  declare readonly jwks_uri: string;
  /** @example "http://localhost:3000/oauth/token" */
  declare readonly token_endpoint: string;
  /** @example "http://localhost:3000/v1/envelopes" */
  declare readonly envelopes_endpoint: string;
  /** @example "http://localhost:3000/v1/inbox/poll" */
  declare readonly inbox_endpoint: string;
  /** @example "http://localhost:3000/v1/receipts" */
  declare readonly receipts_endpoint: string;
  /** @example "http://localhost:3000/v1/partners" */
  declare readonly registration_endpoint: string;
  /** @example "http://localhost:3000/openapi.json" */
  declare readonly openapi_uri: string;
  declare readonly algorithms: ExchangeAlgorithms;
  declare readonly limits: ExchangeLimits;
}

/** RFC 8414 authorization server metadata. */
export class AuthorizationServer {
  /** @example "http://localhost:3000" */
  declare readonly issuer: string;
  /** @example "http://localhost:3000/oauth/token" */
  declare readonly token_endpoint: string;
  /** @example "http://localhost:3000/.well-known/jwks.json" */
  declare readonly jwks_uri: string;
  /** @example ["partner", "operator"] */
  declare readonly scopes_supported: string[];
  /**
   * Required by RFC 8414; there is no authorization endpoint.
   * @example []
   */
  declare readonly response_types_supported: string[];
  /** @example ["client_credentials"] */
  declare readonly grant_types_supported: string[];
  /** @example ["private_key_jwt"] */
  declare readonly token_endpoint_auth_methods_supported: string[];
  /** @example ["Ed25519", "ES256"] */
  declare readonly token_endpoint_auth_signing_alg_values_supported: string[];
  /**
   * RFC 9449: what DPoP proofs may be signed with.
   * @example ["Ed25519", "ES256"]
   */
  declare readonly dpop_signing_alg_values_supported: string[];
  /** @example "http://localhost:3000/docs" */
  declare readonly service_documentation: string;
}

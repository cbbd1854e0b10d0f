import {
  ALGORITHMS,
  CONTENT_ENCS,
  DPOP_ALGS,
  MAX_KEYS_IN_SET,
  SEAL_ALGS,
  SIGN_ALGS,
} from '../crypto/index.js';
import { LEEWAY_SECONDS, MAX_LIFETIME_SECONDS, MAX_PROOF_SECONDS } from '../envelope/index.js';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_ENVELOPES,
  MAX_ENVELOPE_BYTES,
  type Settings,
} from '../platform/index.js';
import type { AuthorizationServer, ExchangeDescription } from './discovery.dto.js';

/** What every partner may sign with: RS256 needs the operator's exception, so it is not promised. */
const OPEN_SIGN_ALGS = SIGN_ALGS.filter((alg) => !('byException' in ALGORITHMS[alg]));

/** `GET /.well-known/sealpost`. */
export function describeExchange(settings: Settings): ExchangeDescription {
  const { issuer } = settings;
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    token_endpoint: `${issuer}/oauth/token`,
    envelopes_endpoint: `${issuer}/v1/envelopes`,
    inbox_endpoint: `${issuer}/v1/inbox/poll`,
    receipts_endpoint: `${issuer}/v1/receipts`,
    registration_endpoint: `${issuer}/v1/partners`,
    openapi_uri: `${issuer}/openapi.json`,
    algorithms: { sign: OPEN_SIGN_ALGS, seal: [...SEAL_ALGS], content: [...CONTENT_ENCS] },
    limits: {
      envelopeBytes: MAX_ENVELOPE_BYTES,
      batchEnvelopes: MAX_BATCH_ENVELOPES,
      batchBytes: MAX_BATCH_BYTES,
      lifetimeSeconds: MAX_LIFETIME_SECONDS,
      proofSeconds: MAX_PROOF_SECONDS,
      leewaySeconds: LEEWAY_SECONDS,
      keysInSet: MAX_KEYS_IN_SET,
      pollLeaseSeconds: settings.POLL_LEASE_MS / 1000,
      longPollSeconds: settings.LONG_POLL_MS / 1000,
      retentionDays: settings.RETENTION_DAYS,
    },
  };
}

/** RFC 8414. Its `registration_endpoint` is RFC 7591's, which this exchange does not have. */
export function describeAuthorizationServer({ issuer }: Settings): AuthorizationServer {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: ['partner', 'operator'],
    response_types_supported: [],
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: OPEN_SIGN_ALGS,
    dpop_signing_alg_values_supported: [...DPOP_ALGS],
    service_documentation: `${issuer}/docs`,
  };
}

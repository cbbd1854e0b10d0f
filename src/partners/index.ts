export { type Challenge, EndpointStatus } from './endpoint-status.store.js';
export { RefreshKeys } from './key-source/refresh-keys.js';
export { PartnersModule } from './partners.module.js';
export { type Pruned, prunePartners } from './prune.store.js';
export { type RevokedKey, Revocations } from './revocations.store.js';
export { type Candidate, PartnerStanding, type PartnerStatus } from './standing.store.js';
export { TrustStore } from './trust.store.js';
export { UsedTokens } from './used-tokens.store.js';

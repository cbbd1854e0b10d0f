import { isKeyId, type KeyId, Refused } from '../envelope/index.js';
import { isUuid, type StoredKey } from '../platform/index.js';
import type { Endpoint } from './endpoint.store.js';
import type { EndpointView } from './endpoints.dto.js';
import type { Grant } from './grant.store.js';
import type { GrantView } from './grants.dto.js';
import type { PartnerKeyRow } from './key.store.js';
import type { KeyView, PublishedKey } from './keys.dto.js';
import type { Partner } from './partner.store.js';
import type { PendingView } from './partners.dto.js';
import { publicJwkOf } from './public-jwk.js';
import type { Registration } from './registration.store.js';

/** A `kid` in a path; what cannot be one is not there. */
export function kidInPath(kid: string): KeyId {
  if (!isKeyId(kid)) throw new Refused('not_found');
  return kid;
}

/** A UUID in a path; what cannot be one is not there. */
export function uuidInPath(id: string): string {
  if (!isUuid(id)) throw new Refused('not_found');
  return id;
}

export function keySummary({ kid, use, alg, jkt }: StoredKey | PartnerKeyRow) {
  return { kid, use, alg, jkt };
}

export function keyView(row: PartnerKeyRow): KeyView {
  return {
    ...keySummary(row),
    status: row.status,
    jwk: publicJwkOf(row),
    ...given('statement', row.statement),
    createdAt: row.created_at,
    ...given('notBefore', row.not_before),
    ...given('notAfter', row.not_after),
    ...given('retiredAt', row.retired_at),
    ...given('revokedAt', row.revoked_at),
    ...given('revokedSince', row.revoked_since),
    ...given('revokedReason', row.revoked_reason),
  };
}

/** As it stands in the JWK Set of its partner. */
export function publishedKey(row: PartnerKeyRow): PublishedKey {
  return {
    ...publicJwkOf(row),
    status: row.status,
    ...given('statement', row.statement),
    ...given('nbf', secondsOrNull(row.not_before)),
    ...given('exp', secondsOrNull(row.not_after)),
    ...given('revoked_since', secondsOrNull(row.revoked_since)),
  };
}

function secondsOrNull(moment: Date | null): number | null {
  return moment === null ? null : Math.floor(moment.getTime() / 1000);
}

export function pendingView(row: Registration): PendingView {
  return {
    registrationId: row.id,
    name: row.name,
    contact: row.contact,
    keys: row.keys.map(keySummary),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

/** For peers. */
export function peerView(row: Partner) {
  return { id: row.id, status: row.status, name: row.name };
}

/** For the partner itself and the operator. */
export function partnerView(row: Partner) {
  return {
    ...peerView(row),
    contact: row.contact,
    rs256Allowed: row.rs256_allowed,
    dpopRequired: row.dpop_required,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function grantView(row: Grant): GrantView {
  return {
    sender: row.sender,
    types: row.types,
    sealedOnly: row.sealed_only,
    ...(row.algorithms === null ? {} : { algorithms: row.algorithms }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Without the challenge: only what arrives at the URL shows who owns it. */
export function endpointView(row: Endpoint): EndpointView {
  return {
    id: row.id,
    url: row.url,
    types: row.types,
    senders: row.senders,
    format: row.format,
    status: row.status,
    ...given('statusReason', row.status_reason),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A member that is there when it has a value. */
function given<Name extends string, Value>(
  name: Name,
  value: Value | null,
): { [name in Name]?: Value } {
  const member: { [name in Name]?: Value } = {};
  if (value !== null) member[name] = value;
  return member;
}

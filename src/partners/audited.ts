import { createHash } from 'node:crypto';
import type { StoredKey } from '../platform/index.js';
import type { Facts } from './audit.store.js';
import type { Endpoint } from './endpoint.store.js';
import type { Grant } from './grant.store.js';
import type { PartnerKeyRow } from './key.store.js';
import type { Partner } from './partner.store.js';

/** Every change that is audited. */
export const AUDIT_ACTIONS = [
  'registration.created',
  'invite.created',
  'partner.approved',
  'partner.enrolled',
  'partner.changed',
  'partner.suspended',
  'partner.reactivated',
  'key.added',
  'key.changed',
  'key.retired',
  'key.revoked',
  'source.put',
  'source.removed',
  'grant.put',
  'grant.withdrawn',
  'endpoint.created',
  'endpoint.changed',
  'endpoint.verified',
  'endpoint.enabled',
  'endpoint.disabled',
  'endpoint.deleted',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** What the trail keeps of a partner. */
export function partnerFacts(row: Partner): Facts {
  const { name, contact, status, rs256_allowed: rs256Allowed, dpop_required: dpopRequired } = row;
  return { name, contact, status, rs256Allowed, dpopRequired };
}

/** What the trail keeps of a key: never more of its material than the thumbprint. */
export function keyFacts(row: PartnerKeyRow): Facts {
  const { not_before: notBefore, not_after: notAfter } = row;
  const { revoked_since: since, revoked_reason: reason } = row;
  return {
    ...keyNames(row),
    status: row.status,
    ...(notBefore === null ? {} : { notBefore }),
    ...(notAfter === null ? {} : { notAfter }),
    ...(since === null ? {} : { since }),
    ...(reason === null ? {} : { reason }),
  };
}

export function keyNames({ kid, use, alg, jkt }: StoredKey | PartnerKeyRow): Facts {
  return { kid, use, alg, jkt };
}

export function grantFacts(row: Grant): Facts {
  const { types, sealed_only: sealedOnly, algorithms } = row;
  return { types, sealedOnly, ...(algorithms === null ? {} : { algorithms }) };
}

/** Paths and queries of webhooks often are secrets: the trail tells them apart by their digest. */
export function endpointFacts(row: Endpoint): Facts {
  const { url, types, senders, status, status_reason: reason } = row;
  return {
    origin: new URL(url).origin,
    urlSha256: createHash('sha256').update(url).digest('base64url'),
    types,
    senders,
    status,
    ...(reason === null ? {} : { reason }),
  };
}

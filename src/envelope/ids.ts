import { Refused } from './failures.js';
import type { ReasonCode } from './reasons.js';

/** A partner's slug, used as `iss`, `aud` and OAuth `client_id`. */
export type PartnerId = string & { readonly __word: 'PartnerId' };
/** The `kid` of a partner's key: unique per partner for ever. */
export type KeyId = string & { readonly __word: 'KeyId' };
/** RFC 7638 SHA-256 thumbprint, base64url: names key material whoever registered it. */
export type Thumbprint = string & { readonly __word: 'Thumbprint' };

const PARTNER_ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const KEY_ID = /^[A-Za-z0-9_.~-]{1,128}$/;
const TYPE = /^[\x21-\x7e]{1,255}$/;
const TYPE_PATTERN = /^(?:[\x21-\x29\x2b-\x7e]{1,255}|[\x21-\x29\x2b-\x7e]{0,254}\*)$/;

/** The id under which the exchange itself signs envelopes; no partner can hold it. */
export const EXCHANGE_ID = 'sealpost' as PartnerId;
/** The `client_id` of whoever runs the exchange. */
export const OPERATOR_ID = 'operator' as PartnerId;

export function isPartnerId(value: unknown): value is PartnerId {
  return typeof value === 'string' && PARTNER_ID.test(value);
}

/** Ids that no partner may register. */
export function isReservedId(id: PartnerId): boolean {
  return id === OPERATOR_ID || id === 'echo' || id.startsWith(EXCHANGE_ID);
}

export function isKeyId(value: unknown): value is KeyId {
  return typeof value === 'string' && KEY_ID.test(value);
}

/** Envelope types: 1 to 255 printable ASCII characters, dotted names or URIs. */
export function isType(value: unknown): value is string {
  return typeof value === 'string' && TYPE.test(value);
}

/** Types that only the exchange itself may send. */
export function isReservedType(type: string): boolean {
  return type.startsWith('sealpost.');
}

/** What a grant or an endpoint filter names: an exact type, or a prefix ending in `*`. */
export function isTypePattern(value: unknown): value is string {
  return typeof value === 'string' && TYPE_PATTERN.test(value);
}

/** Exact names, or prefixes ending in `*`. An empty list matches nothing. */
export function matchesType(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type,
  );
}

/** Parses a partner id at the door; refuses with `code`, naming the member. */
export function partnerId(
  value: unknown,
  member: string,
  code: ReasonCode = 'validation_failed',
): PartnerId {
  if (!isPartnerId(value)) throw new Refused(code, member);
  return value;
}

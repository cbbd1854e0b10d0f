import { ValidateIf } from 'class-validator';
import { SIGN_ALGS } from '../crypto/index.js';
import { isPartnerId, isReservedId, isTypePattern } from '../envelope/index.js';

/** May be absent; unlike IsOptional this does not let null through. */
export function IfPresent(): PropertyDecorator {
  return ValidateIf((_body: unknown, value: unknown) => value !== undefined);
}

// \p{C}: control, format (bidi overrides, zero-width), surrogate, private use, unassigned.
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;

/** Text for people that shows as what it is: one line, nothing invisible, no space around it. */
export function isPrintable(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value) && value.trim() === value;
}

/** Most entries of a list of types or senders. */
const MAX_ENTRIES = 100;

/** 1 to 100 exact types or prefixes ending in `*`, none twice. */
export function areTypePatterns(value: unknown): value is string[] {
  return isList(value, isTypePattern) && value.length > 0;
}

/** One or more names of signing algorithms, none twice; Ed25519 by its new name alone. */
export function areAlgorithms(value: unknown): value is string[] {
  return isList(value, (alg) => NAMES.has(String(alg))) && value.length > 0;
}

const NAMES = new Set<string>(SIGN_ALGS.filter((alg) => alg !== 'EdDSA'));

/** Up to 100 ids of partners, none twice. */
export function areSenders(value: unknown): value is string[] {
  return isList(value, (id) => isPartnerId(id) && !isReservedId(id));
}

function isList(value: unknown, holds: (entry: unknown) => boolean): value is unknown[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_ENTRIES &&
    new Set<unknown>(value).size === value.length &&
    value.every((entry) => holds(entry))
  );
}

/** Refusals that the guard may give on every route that wants a token. */
export const GUARDED = ['unauthorized', 'forbidden', 'partner_inactive', 'rate_limited'] as const;

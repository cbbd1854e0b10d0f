import {
  type EnvelopeClaims,
  isPartnerId,
  isType,
  type PartnerId,
  Refused,
} from '../envelope/index.js';

type Payload = Readonly<Record<string, unknown>>;

/**
 * Reads the claims of an envelope by type and grammar (DESIGN.md section 3); unknown ones are carried and
 * ignored. Throws `claims_invalid` naming the first claim that does not hold.
 */
export function readClaims(payload: Payload): EnvelopeClaims {
  return {
    iss: readPartner(payload, 'iss'),
    aud: readPartner(payload, 'aud'),
    via: readText(payload, 'via', 2048),
    jti: readPrintable(payload, 'jti'),
    iat: readSeconds(payload, 'iat'),
    exp: readSeconds(payload, 'exp'),
    ...optional('nbf', payload, readSeconds),
    type: readType(payload),
    ...readContent(payload),
    ...optional('txn', payload, readPrintable),
    ...optional('reply_to', payload, readReplyTo),
    ...optional('ordering_key', payload, readPrintable),
  };
}

/** The `jti` alone, for the look-up that comes before time and policy; undefined when it is not one. */
export function jtiOf(payload: Payload): string | undefined {
  const { jti } = payload;
  return isPrintable(jti) ? jti : undefined;
}

const PRINTABLE = /^[\x21-\x7e]{1,255}$/;

/** 1 to 255 printable ASCII characters without spaces: what a `jti` is. */
export function isPrintable(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value);
}

function invalid(claim: string): Refused {
  return new Refused('claims_invalid', claim);
}

function readPartner(payload: Payload, claim: string): PartnerId {
  const value = payload[claim];
  if (!isPartnerId(value)) throw invalid(claim);
  return value;
}

function readText(payload: Payload, claim: string, most: number): string {
  const value = payload[claim];
  if (typeof value !== 'string' || value === '' || value.length > most) throw invalid(claim);
  return value;
}

// Printable ASCII: two different ids stay different in every encoding, collation and log (ATTACKS 137, 140).
function readPrintable(payload: Payload, claim: string): string {
  const value = payload[claim];
  if (!isPrintable(value)) throw invalid(claim);
  return value;
}

// Whole seconds inside what a Date and a timestamptz can hold (ATTACKS 128, 129).
function readSeconds(payload: Payload, claim: string): number {
  const value = payload[claim];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw invalid(claim);
  if (value < 0 || value > 253_402_300_799 || Object.is(value, -0)) throw invalid(claim);
  return value;
}

function readType(payload: Payload): string {
  if (!isType(payload['type'])) throw invalid('type');
  return payload['type'];
}

function readContent(payload: Payload): { data: unknown } | { sealed: string } {
  const hasData = Object.hasOwn(payload, 'data');
  const hasSealed = Object.hasOwn(payload, 'sealed');
  if (hasData === hasSealed) throw new Refused('claims_invalid', 'exactly one of data and sealed');
  if (hasData) return { data: payload['data'] };
  const { sealed } = payload;
  if (typeof sealed !== 'string' || sealed === '') throw invalid('sealed');
  return { sealed };
}

function readReplyTo(payload: Payload): { iss: string; jti: string } {
  const value = payload['reply_to'];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('reply_to');
  const iss: unknown = Reflect.get(value, 'iss');
  const jti: unknown = Reflect.get(value, 'jti');
  if (!isPartnerId(iss) || !isPrintable(jti)) throw invalid('reply_to');
  return { iss, jti };
}

function optional<Name extends string, Value>(
  claim: Name,
  payload: Payload,
  read: (payload: Payload, claim: string) => Value,
): { [N in Name]?: Value } {
  if (!Object.hasOwn(payload, claim)) return {};
  const one: { [N in Name]?: Value } = {};
  one[claim] = read(payload, claim);
  return one;
}

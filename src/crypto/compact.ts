import { JsonFault, parseStrictJson, Refused } from '../envelope/index.js';
import { fromBase64url, isCanonicalBase64url } from './base64url.js';

/** A compact JWS in three pieces; every piece is canonical base64url, nothing is believed yet. */
export interface CompactToken {
  readonly token: string;
  readonly headerBytes: Uint8Array;
  readonly payloadBytes: Uint8Array;
  readonly signature: string;
}

/** What the header says, closed: typ, alg and kid are the only members there can be. */
export interface RawHeader {
  readonly typ?: unknown;
  readonly alg?: unknown;
  readonly kid?: unknown;
}

/** An honest header takes some 250 characters; this leaves room to name what is wrong with others. */
const MAX_HEADER_CHARS = 32 * 1024;
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)$/;

/**
 * Takes a compact JWS apart before anything is decoded: size first, then shape, then spelling.
 *
 * RFC 7515 section 2 knows one spelling; jose takes whitespace, padding and loose bits besides.
 * Payload and signature may be empty here: what comes after knows what an empty one means.
 */
export function splitCompact(token: unknown, maxBytes: number): CompactToken {
  if (typeof token !== 'string') throw new Refused('envelope_malformed', 'not a string');
  if (token.length > maxBytes) throw new Refused('too_large', `at most ${maxBytes} bytes`);
  const match = COMPACT.exec(token);
  if (match === null) throw malformed('not three segments of base64url');
  const [, header = '', payload = '', signature = ''] = match;
  if (header.length > MAX_HEADER_CHARS) throw malformed('header length');
  return {
    token,
    headerBytes: decode(header, 'header'),
    payloadBytes: decode(payload, 'payload'),
    signature: canonical(signature),
  };
}

function decode(segment: string, name: string): Uint8Array {
  const bytes = fromBase64url(segment);
  if (bytes === undefined) throw malformed(`${name} is not canonical base64url`);
  return bytes;
}

function canonical(signature: string): string {
  if (!isCanonicalBase64url(signature)) throw malformed('signature is not canonical base64url');
  return signature;
}

function malformed(what: string): Refused {
  return new Refused('envelope_malformed', what);
}

/** Members that are refused by name, so that the sender learns which; others are not repeated. */
const KNOWN_BY_NAME = new Set(
  'crit b64 jwk jku x5u x5c x5t x5t#S256 cty zip enc epk iss aud sub nonce url ppt'.split(' '),
);

/** RFC 8725 section 3.10: the header is a closed set, so no member can carry trust or change meaning. */
export function readHeader(headerBytes: Uint8Array): RawHeader {
  const header = parseHeader(headerBytes);
  for (const member of Object.keys(header)) {
    if (member === 'typ' || member === 'alg' || member === 'kid') continue;
    const name = KNOWN_BY_NAME.has(member) ? member : 'a member other than typ, alg, kid';
    throw new Refused('header_not_allowed', name);
  }
  return header;
}

function parseHeader(headerBytes: Uint8Array): object {
  let header: unknown;
  try {
    header = parseStrictJson(headerBytes);
  } catch (error) {
    throw headerFault(error);
  }
  if (!isJsonObject(header)) throw malformed('the header is not a JSON object');
  return header;
}

function headerFault(error: unknown): unknown {
  if (!(error instanceof JsonFault)) return error;
  const hidden = error.kind === 'duplicate' || error.kind === 'member';
  if (hidden) return new Refused('header_not_allowed', `${error.kind} in the header`);
  return malformed(`the header is not strict JSON: ${error.kind}`);
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

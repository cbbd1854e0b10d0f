import { isIP } from 'node:net';
import { domainToUnicode } from 'node:url';
import { Refused } from '../envelope/index.js';

/** Where a request would go; the part of a URL that decides whether it may. */
export interface Place {
  readonly scheme: 'https' | 'http';
  /** A name in lower case, or an address without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** A URL that was read once. `href` is what is stored and fetched. */
export interface Target extends Place {
  readonly href: string;
}

export const MAX_URL_CHARS = 2048;

/** Port of a scheme when the URL names none. */
export const DEFAULT_PORTS = { https: 443, http: 80 } as const;

// RFC 1035 section 2.3.4, which the URL parser does not hold; the underscore is seen in the wild.
const MAX_NAME_CHARS = 253;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

const HIDING: readonly (readonly [RegExp, string])[] = [
  [/[^\x21-\x7e]/, 'it has characters other than printable ASCII'],
  [/\\/, 'it has a backslash'],
  [/#/, 'it has a fragment'],
  [/%(?:[01][0-9a-f]|7f)/i, 'it has a control character'],
];

/** Refuses with a sentence that its sender can mend the URL by; it never repeats the URL. */
export function refuse(because: string): never {
  throw new Refused('url_rejected', because);
}

/**
 * Reads the text of a URL, which MUST be written as the URL parser writes it: no two readers can then take it for
 * different places. Only the case of scheme and host, a default port and a missing first slash may differ.
 */
export function parseTarget(text: unknown): Target {
  const { scheme, authority, rest } = split(text);
  const url = URL.canParse(`${scheme}://${authority}${rest}`)
    ? new URL(`${scheme}://${authority}${rest}`)
    : refuse('it is not a URL');
  const spelled = `${scheme}://${withoutDefaultPort(scheme, authority)}${rest}`;
  if (url.href !== spelled) refuse('it is not in the form that the URL parser gives it');
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(hostname) === 0) checkName(hostname);
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  if (port === 0) refuse('the port is not allowed');
  return { href: url.href, scheme, hostname, port };
}

interface Parts {
  readonly scheme: 'https' | 'http';
  readonly authority: string;
  /** Path and query, from the first slash. */
  readonly rest: string;
}

/** Takes the text apart without the URL parser, which mends what a hostile URL hides. */
function split(text: unknown): Parts {
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?]+)(.*)$/i.exec(plainText(text)) ?? [];
  if (authority === '') refuse('it is not an absolute URL');
  if (authority.includes('@')) refuse('it has a user name');
  return {
    scheme: readScheme(scheme),
    authority: authority.toLowerCase(),
    rest: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

function plainText(text: unknown): string {
  if (typeof text !== 'string') refuse('it is not a string');
  if (text.length > MAX_URL_CHARS) refuse(`it is longer than ${MAX_URL_CHARS} characters`);
  for (const [hiding, because] of HIDING) if (hiding.test(text)) refuse(because);
  return text;
}

function readScheme(scheme: string): 'https' | 'http' {
  const lower = scheme.toLowerCase();
  if (lower !== 'https' && lower !== 'http') refuse('the scheme is not https');
  return lower;
}

function withoutDefaultPort(scheme: 'https' | 'http', authority: string): string {
  const suffix = `:${DEFAULT_PORTS[scheme]}`;
  return authority.endsWith(suffix) ? authority.slice(0, -suffix.length) : authority;
}

function checkName(hostname: string): void {
  if (hostname.length > MAX_NAME_CHARS) refuse('the host name is too long');
  // A trailing dot leaves an empty label: one name would have two spellings.
  const isValid = hostname.split('.').every((label) => LABEL.test(label));
  // Node lets Punycode through that stands for no valid name; what it cannot decode it leaves as it is.
  const isDecoded = !/(?:^|\.)xn--/.test(domainToUnicode(hostname));
  if (!isValid || !isDecoded) refuse('the host name is not valid');
}

import { base64url } from 'jose';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const CHARSET = /^[A-Za-z0-9_-]*$/;

export function toBase64url(bytes: Uint8Array): string {
  return base64url.encode(bytes);
}

/** Decodes the one canonical spelling; undefined for every other (RFC 4648 section 3.5, RFC 7515 section 2). */
export function fromBase64url(text: string): Uint8Array | undefined {
  return isCanonicalBase64url(text) ? base64url.decode(text) : undefined;
}

/**
 * Whether `text` is what an encoder writes: no padding, whitespace or other alphabet, no length
 * that cannot be, and no loose bits in the last character.
 *
 * The decoder under jose takes all of these, so that one token would have many spellings.
 */
export function isCanonicalBase64url(text: string): boolean {
  const tail = text.length % 4;
  if (tail === 1 || !CHARSET.test(text)) return false;
  if (tail === 0) return true;
  const last = ALPHABET.indexOf(text.charAt(text.length - 1));
  return (last & (tail === 2 ? 0b1111 : 0b11)) === 0;
}

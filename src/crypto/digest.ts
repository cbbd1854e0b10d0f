import { toBase64url } from './base64url.js';

// In a browser there is none; in Node a digest at once costs a tenth of one through the thread pool.
const nodeCrypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** SHA-256 of the bytes, or of the text as UTF-8. */
export async function sha256(input: string | Uint8Array): Promise<Uint8Array> {
  if (nodeCrypto !== undefined)
    return new Uint8Array(nodeCrypto.createHash('sha256').update(input).digest());
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : new Uint8Array(input);
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
}

export async function sha256Base64url(input: string | Uint8Array): Promise<string> {
  return toBase64url(await sha256(input));
}

/** Cryptographically random bytes, base64url; 256 bits unless told otherwise. */
export function randomToken(bytes = 32): string {
  return toBase64url(globalThis.crypto.getRandomValues(new Uint8Array(bytes)));
}

import { calculateJwkThumbprint } from 'jose';
import { Refused, type Thumbprint } from '../envelope/index.js';

/**
 * RFC 7638 SHA-256 thumbprint of the key material.
 *
 * MUST be given a re-exported key: another spelling of the same key has another thumbprint.
 */
export async function thumbprint(jwk: object): Promise<Thumbprint> {
  try {
    const text = await calculateJwkThumbprint({ ...jwk }, 'sha256');
    if (isThumbprint(text)) return text;
  } catch {
    // An incomplete key, or one whose members are no strings.
  }
  throw new Refused('key_rejected', 'a thumbprint needs all members of the key');
}

function isThumbprint(text: string): text is Thumbprint {
  return text.length === 43; // SHA-256 in base64url
}

import {
  type PeerKeys,
  type PublishedJwks,
  type ReceiptClaims,
  type Session,
  tokenParts,
  verifyReceipt,
} from '../client/index.js';
import { isPartnerId, TYP } from '../envelope/index.js';
import { UsageFault } from './failures.js';
import { readObject } from './files.js';

/** Verifies a receipt of the exchange, or of the recipient, with the keys that its issuer publishes. */
export async function verifyKnownReceipt(
  receipt: string,
  session: Session,
  peers: PeerKeys,
  envelope?: string,
): Promise<ReceiptClaims> {
  const { iss } = tokenParts(receipt, TYP.receipt);
  const issuer = await session.exchange.issuer();
  const byRecipient = isPartnerId(iss);
  const jwks = byRecipient
    ? await peers.of(iss)
    : await session.exchange.call<PublishedJwks>('GET', '/.well-known/jwks.json');
  return verifyReceipt(receipt, jwks, {
    issuer: byRecipient ? iss : issuer,
    ...(envelope === undefined ? {} : { envelope }),
  });
}

/** A JWK Set from a file. Throws UsageFault. */
export async function readJwks(path: string): Promise<PublishedJwks> {
  const { keys } = await readObject(path, 'The JWK Set');
  if (!Array.isArray(keys)) throw new UsageFault(`"keys" is missing in ${path}`);
  return {
    keys: keys.map((key: unknown) => (typeof key === 'object' && key !== null ? { ...key } : {})),
  };
}

import { randomToken, sha256Base64url, signDpopProof } from '../crypto/index.js';

/** The request that a proof is for. */
export interface DpopRequest {
  readonly method: string;
  /** As the exchange is named by its issuer; query and fragment do not count. */
  readonly url: string;
  /** The access token that goes with it, where there is one. */
  readonly token?: string;
}

/**
 * A proof (RFC 9449) that the holder of the key makes this request, for its `DPoP` header. It holds once
 * and for a minute.
 *
 * @param privateJwk any key to sign with, kept for this alone; registering it is not needed
 */
export async function dpopProof(
  privateJwk: Record<string, unknown>,
  { method, url, token }: DpopRequest,
): Promise<string> {
  const { origin, pathname } = new URL(url);
  return signDpopProof(privateJwk, {
    jti: randomToken(16),
    htm: method,
    htu: `${origin}${pathname}`,
    iat: Math.floor(Date.now() / 1000),
    ...(token === undefined ? {} : { ath: await sha256Base64url(token) }),
  });
}

import { type DpopProof, openDpopProof, sha256Base64url } from '../crypto/index.js';
import { LEEWAY_SECONDS, Refused, type Thumbprint } from '../envelope/index.js';
import { secondsOf } from './world.js';

/** 1 to 255 printable ASCII characters: what may be remembered. */
const JTI = /^[\x21-\x7e]{1,255}$/;

/** The request that a DPoP proof has to be for. */
export interface DpopScene {
  readonly method: string;
  /** Its URL as callers know it, without query and fragment. */
  readonly url: string;
  /** Where the proof goes with an access token: that token. */
  readonly token?: string;
  readonly now: Date;
}

/** A proof that holds, if its `jti` was not used before. */
export interface DpopProven {
  readonly jkt: Thumbprint;
  readonly jti: string;
  /** When it is refused for its age, so that `jti` need not be remembered longer. */
  readonly until: Date;
}

/** RFC 9449 section 4.3, all but whose key it is and whether it is the first. Throws Refused. */
export async function verifyDpop(token: unknown, scene: DpopScene): Promise<DpopProven> {
  const { jkt, payload } = await openDpopProof(token);
  const { jti, iat } = payload;
  if (typeof jti !== 'string' || !JTI.test(jti)) throw fault('jti');
  if (payload['htm'] !== scene.method) throw fault('htm');
  if (!isSameTarget(payload['htu'], scene.url)) throw fault('htu');
  const age = secondsOf(scene.now) - (Number.isSafeInteger(iat) ? Number(iat) : Number.NaN);
  if (!(Math.abs(age) <= LEEWAY_SECONDS)) throw fault('iat');
  await checkToken(payload, scene.token);
  return { jkt, jti, until: new Date((Number(iat) + 2 * LEEWAY_SECONDS) * 1000) };
}

async function checkToken({ ath }: DpopProof['payload'], token: string | undefined): Promise<void> {
  if (token === undefined) return;
  if (ath !== (await sha256Base64url(token))) throw fault('ath');
}

// Section 4.3, check 9 compares after the normalisation of RFC 3986 and without query and fragment.
function isSameTarget(htu: unknown, url: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu) || !URL.canParse(url)) return false;
  const [claimed, asked] = [new URL(htu), new URL(url)];
  return (
    claimed.origin === asked.origin && claimed.pathname === asked.pathname && !claimed.username
  );
}

function fault(claim: string): Refused {
  return new Refused('claims_invalid', claim);
}

import type { PublicJwk } from '../crypto/index.js';
import type { KeyId, PartnerId, Thumbprint } from '../envelope/index.js';

/** A key of a partner as verification sees it. Times are those of the key's own validity. */
export interface PartnerKey {
  readonly kid: KeyId;
  readonly use: 'sig' | 'enc';
  readonly status: 'active' | 'retired' | 'revoked';
  readonly jkt: Thumbprint;
  readonly jwk: PublicJwk;
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
  /** Of a revoked key: from when on it may have been in other hands; null or absent: always. */
  readonly revokedSince?: Date | null;
}

export type Standing = 'active' | 'suspended';

/** What a recipient lets a sender send. */
export interface Granted {
  readonly types: readonly string[];
  readonly sealedOnly: boolean;
  /** Signing algorithms that are taken; undefined: every one that the exchange takes. */
  readonly algorithms?: readonly string[] | undefined;
}

/** How two partners stand to each other. `undefined`: there is no such partner, or no such grant. */
export interface Relation {
  readonly sender: Standing | undefined;
  readonly recipient: Standing | undefined;
  readonly grant: Granted | undefined;
}

/** A key with the statement by which its owner says that it is theirs. */
export interface StatedKey {
  readonly jwk: PublicJwk;
  readonly statement: string | null;
}

/** What verification needs to know of partners, and no more. */
export abstract class Trust {
  /** Resolves to undefined when the partner never had a key of this kid. */
  abstract key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined>;
  abstract relation(sender: PartnerId, recipient: PartnerId): Promise<Relation>;

  /** The `enc` key to seal to now, for whoever sealed to another; undefined where that is not known. */
  keyToSealTo(_owner: PartnerId, _now: Date): Promise<StatedKey | undefined> {
    return Promise.resolve(undefined);
  }
}

/** Everything a verification depends on besides the token. */
export interface World {
  readonly now: Date;
  /** This exchange's issuer URL. */
  readonly issuer: string;
  readonly trust: Trust;
  /**
   * At acceptance a key must be active. Before delivery a key that was retired or ran out since still
   * holds; a revoked one does not (DESIGN.md section 5), unless its owner said since when it may have been
   * in other hands and the envelope was accepted before that.
   */
  readonly step: 'acceptance' | 'delivery';
  /** Before delivery: when the exchange accepted the envelope. Left out: unknown, so no revoked key holds. */
  readonly acceptedAt?: Date;
}

/** Whether a key may sign, or be sealed to, at this moment. */
export function isUsable(key: PartnerKey, now: Date): boolean {
  return (
    key.status === 'active' &&
    (key.notBefore === null || key.notBefore <= now) &&
    (key.notAfter === null || key.notAfter > now)
  );
}

/** Whether what is verified at this step may rely on the key, for signing or for sealing. */
export function holds(key: PartnerKey, { now, step, acceptedAt }: World): boolean {
  if (step === 'acceptance') return isUsable(key, now);
  if (key.notBefore !== null && key.notBefore > now) return false;
  if (key.status !== 'revoked') return true;
  const since = key.revokedSince ?? undefined;
  return since !== undefined && acceptedAt !== undefined && acceptedAt < since;
}

/** Unix seconds of a moment, as claims give time. */
export function secondsOf(moment: Date): number {
  return Math.floor(moment.getTime() / 1000);
}

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
}

export type Standing = 'active' | 'suspended';

/** How two partners stand to each other. `undefined`: there is no such partner, or no such grant. */
export interface Relation {
  readonly sender: Standing | undefined;
  readonly recipient: Standing | undefined;
  readonly grant: { readonly types: readonly string[]; readonly sealedOnly: boolean } | undefined;
}

/** What verification needs to know of partners, and no more. */
export abstract class Trust {
  /** Resolves to undefined when the partner never had a key of this kid. */
  abstract key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined>;
  abstract relation(sender: PartnerId, recipient: PartnerId): Promise<Relation>;
}

/** Everything a verification depends on besides the token. */
export interface World {
  readonly now: Date;
  /** This exchange's issuer URL. */
  readonly issuer: string;
  readonly trust: Trust;
  /**
   * At acceptance a key must be active. Before delivery a key that was retired since still holds, a
   * revoked one does not (DESIGN.md section 5).
   */
  readonly step: 'acceptance' | 'delivery';
}

/** Unix seconds of a moment, as claims give time. */
export function secondsOf(moment: Date): number {
  return Math.floor(moment.getTime() / 1000);
}

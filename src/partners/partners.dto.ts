import { IsIn } from 'class-validator';
import { KeySummary } from './keys.dto.js';

/** One registration that waits for the operator. Any number may wait for the same id. */
export class PendingView {
  /** @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11" */
  declare registrationId: string;

  /** @example "Acme Billing" */
  declare name: string;

  /** @example "ops@acme.example" */
  declare contact: string;

  declare keys: KeySummary[];
  declare createdAt: Date;
  declare expiresAt: Date;
}

/** A key of a partner and whether it still signs or is sealed to. */
export class StandingKey extends KeySummary {
  @IsIn(['active', 'retired'])
  declare status: 'active' | 'retired';
}

/**
 * A partner as the caller may see it: a peer sees id, name and status; the partner itself and the
 * operator see all; whoever is not active sees its own status.
 */
export class PartnerView {
  /** @example "acme" */
  declare id: string;

  @IsIn(['active', 'pending', 'suspended'])
  declare status: 'active' | 'pending' | 'suspended';

  /**
   * Absent while pending: several may ask for the same id under different names.
   * @example "Acme Billing"
   */
  name?: string;

  /** @example "ops@acme.example" */
  contact?: string;

  /** Whether the operator allows RS256 keys. */
  rs256Allowed?: boolean;

  /** Whether its access tokens have to be bound to a key (DPoP, RFC 9449). */
  dpopRequired?: boolean;

  /** Keys that were not revoked; not in lists. */
  keys?: StandingKey[];

  /** What waits for this id. */
  registrations?: PendingView[];

  createdAt?: Date;
  updatedAt?: Date;
}

export class PartnerPage {
  declare items: PartnerView[];

  /**
   * There when there is more: `after` of the next page.
   * @example "acme"
   */
  next?: string;
}

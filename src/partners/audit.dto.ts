import { IsIn, IsISO8601, IsString, Matches, MaxLength } from 'class-validator';
import { AUDIT_ACTIONS, type AuditAction } from './audited.js';
import { PageQuery } from './page.dto.js';
import { IfPresent } from './rules.js';

/** Which entries of the audit trail. */
export class AuditQuery extends PageQuery {
  /**
   * Who did it: an id, `operator`, or `sealpost` for what the exchange does of itself.
   * @example "operator"
   */
  @IfPresent()
  @IsString()
  @MaxLength(63)
  actor?: string;

  /**
   * Whose thing it was.
   * @example "acme"
   */
  @IfPresent()
  @IsString()
  @MaxLength(63)
  partner?: string;

  /**
   * The thing itself: the id of a partner, endpoint or registration, the kid of a key, the sender of a grant.
   * @example "acme-1"
   */
  @IfPresent()
  @Matches(/^[A-Za-z0-9_.~-]{1,128}$/)
  target?: string;

  /** What was done. */
  @IfPresent()
  @IsIn(AUDIT_ACTIONS)
  action?: AuditAction;

  /**
   * Not before this moment.
   * @example "2026-11-24T00:00:00Z"
   */
  @IfPresent()
  @IsISO8601({ strict: true, strictSeparator: true })
  since?: string;

  /**
   * Before this moment.
   * @example "2026-11-25T00:00:00Z"
   */
  @IfPresent()
  @IsISO8601({ strict: true, strictSeparator: true })
  until?: string;
}

/** Who did something. */
export class AuditActor {
  /** @example "operator" */
  declare id: string;

  /** `none`: registered without a token; `exchange`: of itself. */
  @IsIn(['partner', 'operator', 'none', 'exchange'])
  declare scope: 'partner' | 'operator' | 'none' | 'exchange';

  /**
   * RFC 7638 thumbprint of the key that authenticated.
   * @example "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
   */
  jkt?: string;
}

/** One change of who may do what. */
export class AuditEntry {
  /**
   * Its number, without gaps.
   * @example 17
   */
  declare seq: number;

  declare at: Date;
  declare actor: AuditActor;

  @IsIn(AUDIT_ACTIONS)
  declare action: AuditAction;

  /**
   * Whose thing it is.
   * @example "acme"
   */
  declare partner: string;

  /** @example "acme-1" */
  declare target: string;

  /** As it was; absent where there was nothing. */
  from?: Record<string, unknown>;

  /** As it became; absent where nothing is left. */
  to?: Record<string, unknown>;

  /**
   * Digest of this entry and all before it.
   * @example "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
   */
  declare hash: string;
}

export class AuditPage {
  declare items: AuditEntry[];

  /**
   * There when there is more: `after` of the next page.
   * @example "17"
   */
  next?: string;
}

/** Whether the audit trail is as it was written. */
export class AuditVerdict {
  /** False when an entry was changed, taken away or put in between. */
  declare intact: boolean;

  /**
   * Entries that were ever written.
   * @example 17
   */
  declare entries: number;

  /**
   * Digest of the last entry; what was noted elsewhere must be found again as `hash` of its entry.
   * @example "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
   */
  declare hash: string;

  /**
   * Number of the first entry that is not as it was written.
   * @example 12
   */
  brokenAt?: number;
}

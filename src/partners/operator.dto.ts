import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsUUID, Max, Min } from 'class-validator';
import { isPartnerId } from '../envelope/index.js';
import { Is } from '../platform/index.js';
import { IfPresent } from './rules.js';

const MINUTE_SECONDS = 60;
const DAY_SECONDS = 24 * 60 * MINUTE_SECONDS;

export class ApproveBody {
  /**
   * Which registration; needed when several wait for the id. Name it always to approve what you looked at.
   * @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11"
   */
  @IfPresent()
  @IsUUID()
  registrationId?: string;

  /** Whether this partner may register RS256 keys. */
  @IfPresent()
  @IsBoolean()
  rs256?: boolean;

  /** Whether this partner gets only access tokens that are bound to a key (DPoP, RFC 9449). */
  @IfPresent()
  @IsBoolean()
  requireDpop?: boolean;
}

export class InviteBody {
  /**
   * The only id it holds for: a new one, or a partner that lost all its keys.
   * @example "acme"
   */
  @Is('an id: 1 to 63 of a-z, 0-9 and inner hyphens', isPartnerId)
  declare id: string;

  /**
   * Seconds until it expires: a minute to 30 days.
   * @example 604800
   */
  @ApiPropertyOptional()
  @IsInt()
  @Min(MINUTE_SECONDS)
  @Max(30 * DAY_SECONDS)
  expiresInSeconds: number = 7 * DAY_SECONDS;
}

/** The only time the invite is shown; the exchange keeps its digest. */
export class InviteView {
  /** @example "acme" */
  declare id: string;

  /** @example "pY8xvR5bN0Zk0gq3wqk3M4Jb0mX1F7v9t2cL6sD8aEw" */
  declare invite: string;

  declare expiresAt: Date;
}

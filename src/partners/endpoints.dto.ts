import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString, MaxLength } from 'class-validator';
import { Is } from '../platform/index.js';
import { areSenders, areTypePatterns, IfPresent } from './rules.js';

const MAX_URL_CHARS = 2_048;

/** How envelopes are handed over. */
type EndpointFormat = 'jwt';

/** A webhook of the caller. It is called with envelopes once it was shown to be the caller's. */
export class EndpointBody {
  /**
   * Where envelopes are pushed to: https, no credentials in it.
   * @example "https://hooks.globex.example/in"
   */
  @IsString()
  @MaxLength(MAX_URL_CHARS)
  declare url: string;

  /**
   * Which types it gets: exact, or prefixes ending in `*`.
   * @example ["invoice.*"]
   */
  @ApiPropertyOptional()
  @Is('1 to 100 different types or prefixes ending in "*"', areTypePatterns)
  types: string[] = ['*'];

  /**
   * Whose envelopes it gets; empty: those of all granted senders.
   * @example []
   */
  @ApiPropertyOptional()
  @Is('up to 100 different ids of partners', areSenders)
  senders: string[] = [];

  /** `jwt`: the envelope, byte for byte as the sender signed it. */
  @ApiPropertyOptional()
  @IsIn(['jwt'])
  format: EndpointFormat = 'jwt';
}

/** What to change; the rest stays. */
export class EndpointPatch {
  /**
   * Another URL has to be verified before it is called.
   * @example "https://hooks.globex.example/in"
   */
  @IfPresent()
  @IsString()
  @MaxLength(MAX_URL_CHARS)
  url?: string;

  /** @example ["invoice.*"] */
  @IfPresent()
  @Is('1 to 100 different types or prefixes ending in "*"', areTypePatterns)
  types?: string[];

  /** @example ["acme"] */
  @IfPresent()
  @Is('up to 100 different ids of partners', areSenders)
  senders?: string[];
}

export class VerifyBody {
  /**
   * `data.challenge` of the verification envelope that the endpoint got; without it another is sent.
   * @example "pY8xvR5bN0Zk0gq3wqk3M4Jb0mX1F7v9t2cL6sD8aEw"
   */
  @IfPresent()
  @IsString()
  @MaxLength(128)
  challenge?: string;
}

export class EndpointView {
  /** @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11" */
  declare id: string;

  /** @example "https://hooks.globex.example/in" */
  declare url: string;

  /** @example ["invoice.*"] */
  declare types: string[];

  /** @example [] */
  declare senders: string[];

  @IsIn(['jwt'])
  declare format: EndpointFormat;

  /** Only an `active` one gets envelopes; what matches a `disabled` one waits until `exp`. */
  @IsIn(['unverified', 'active', 'disabled'])
  declare status: 'unverified' | 'active' | 'disabled';

  /** Why it is not active, when the exchange knows. */
  statusReason?: string;

  declare createdAt: Date;
  declare updatedAt: Date;
}

export class EndpointPage {
  declare items: EndpointView[];

  /**
   * There when there is more: `after` of the next page.
   * @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11"
   */
  next?: string;
}

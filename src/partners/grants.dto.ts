import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';
import { Is } from '../platform/index.js';
import { areTypePatterns } from './rules.js';

/** What a sender may send to the caller. */
export class GrantBody {
  /**
   * Exact types, or prefixes ending in `*`.
   * @example ["invoice.*"]
   */
  @Is('1 to 100 different types or prefixes ending in "*"', areTypePatterns)
  declare types: string[];

  /** Takes only envelopes whose content is sealed. */
  @ApiPropertyOptional()
  @IsBoolean()
  sealedOnly: boolean = false;
}

export class GrantView {
  /** @example "acme" */
  declare sender: string;

  /** @example ["invoice.*"] */
  declare types: string[];

  declare sealedOnly: boolean;
  declare createdAt: Date;
  declare updatedAt: Date;
}

export class GrantPage {
  declare items: GrantView[];

  /**
   * There when there is more: `after` of the next page.
   * @example "acme"
   */
  next?: string;
}

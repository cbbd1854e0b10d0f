import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';
import { Is } from '../platform/index.js';
import { areAlgorithms, areTypePatterns, IfPresent } from './rules.js';

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

  /**
   * Signing algorithms of the sender's keys that are taken; without it, every one that the exchange takes.
   * @example ["Ed25519", "ES256"]
   */
  @ApiPropertyOptional()
  @IfPresent()
  @Is('different names of signing algorithms', areAlgorithms)
  algorithms?: string[];
}

export class GrantView {
  /** @example "acme" */
  declare sender: string;

  /** @example ["invoice.*"] */
  declare types: string[];

  declare sealedOnly: boolean;

  /** Absent: every algorithm that the exchange takes. */
  algorithms?: string[];
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

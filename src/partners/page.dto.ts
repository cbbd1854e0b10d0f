import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Matches, Max, Min } from 'class-validator';
import { WholeNumber } from '../platform/index.js';
import { IfPresent } from './rules.js';

/** Which page of a list. */
export class PageQuery {
  /**
   * Most items of the page.
   * @example 50
   */
  @ApiPropertyOptional()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 50;

  /** `next` of the page before; absent for the first page. */
  @IfPresent()
  @Matches(/^[A-Za-z0-9_.~-]{1,128}$/, { message: 'after must be "next" of the page before' })
  after?: string;
}

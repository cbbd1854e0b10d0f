import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, Matches, Max, Min } from 'class-validator';
import { IfPresent } from './rules.js';

const toInteger = ({ value }: { value: unknown }): unknown =>
  typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value;

/** Which page of a list. */
export class PageQuery {
  /**
   * Most items of the page.
   * @example 50
   */
  @ApiPropertyOptional()
  @Transform(toInteger)
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 50;

  /** `next` of the page before; absent for the first page. */
  @IfPresent()
  @Matches(/^[A-Za-z0-9_.~-]{1,128}$/, { message: 'after must be "next" of the page before' })
  after?: string;
}

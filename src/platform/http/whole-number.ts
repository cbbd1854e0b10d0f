import { Transform } from 'class-transformer';

/**
 * A query parameter of one to four digits becomes a number; anything else stays what it is, and no rule
 * for numbers takes that: `Number` alone would read "1e1", "0x10" and " 5" too.
 */
export function WholeNumber(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }): unknown =>
    typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value,
  );
}

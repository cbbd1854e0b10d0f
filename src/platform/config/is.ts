import { registerDecorator } from 'class-validator';

/** A class-validator rule from a predicate and the words that follow "must be". */
export function Is(what: string, holds: (value: unknown) => boolean): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'is',
      target: target.constructor,
      propertyName: String(property),
      options: { message: `${String(property)} must be ${what}` },
      validator: { validate: holds },
    });
  };
}

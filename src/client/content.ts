import { Rejected } from '../envelope/index.js';

/**
 * A schema of any Standard Schema library (zod, valibot, arktype …), described by its shape alone:
 * https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type Validated<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What each type of envelope holds: `{ 'invoice.created': z.object({ … }) }`. */
export type Schemas = Readonly<Record<string, StandardSchema>>;

type TypesOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>;

/** Types that can be sent or received: any where no schemas are given. */
export type TypeIn<Known extends Schemas> = keyof Known & string;
/** What a sender gives for a type. */
export type InputOf<Known extends Schemas, Type extends string> = string extends keyof Known
  ? unknown
  : Type extends keyof Known
    ? TypesOf<Known[Type]>['input']
    : never;
/** What a recipient gets for a type. */
export type OutputOf<Known extends Schemas, Type extends string> = string extends keyof Known
  ? unknown
  : Type extends keyof Known
    ? TypesOf<Known[Type]>['output']
    : never;

const MAX_NAMED = 5;

/**
 * Holds content against the schema of its type. Where schemas are given, a type without one is refused:
 * `content_invalid`, with the paths at fault and never a value.
 */
export async function checkContent(
  schemas: Schemas | undefined,
  type: string,
  data: unknown,
): Promise<unknown> {
  if (schemas === undefined) return data;
  // hasOwn, because `constructor` is an attempt at a type.
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (schema === undefined) throw new Rejected('content_invalid', 'type');
  const validated = await schema['~standard'].validate(data);
  if (validated.issues === undefined) return validated.value;
  const paths = validated.issues.slice(0, MAX_NAMED).map(pathOf);
  throw new Rejected('content_invalid', paths.join(', '));
}

// A library's own message may repeat the value.
function pathOf({ path = [] }: Issue): string {
  const keys = path.map((step) => (typeof step === 'object' ? step.key : step));
  return ['data', ...keys.map(String)].join('.').slice(0, 100);
}

import { sql, type RawBuilder } from 'kysely';

type SqlType = 'uuid' | 'text' | 'bytea' | 'timestamptz' | 'integer' | 'boolean';
type Cell = string | number | boolean | Date | Uint8Array | null;

/** The algorithm of the key `k` by the name that grants have: RFC 9864's. */
export const ALG_OF_KEY = sql`case k.alg when 'EdDSA' then 'Ed25519' else k.alg end`;

/**
 * One column of a batch, as `unnest` takes it: a typed array with the value of each item.
 *
 * A batch of any size is one statement with the same text, so that it is planned alike.
 */
export function column<Item>(
  items: readonly Item[],
  type: SqlType,
  pick: (item: Item) => Cell,
): RawBuilder<unknown> {
  const cells = items.map((item) => cellOf(pick(item)));
  return sql`${cells}::${sql.raw(type)}[]`;
}

function cellOf(cell: Cell): string | number | boolean | Buffer | null {
  if (cell instanceof Date) return cell.toISOString();
  return cell instanceof Uint8Array ? Buffer.from(cell) : cell;
}

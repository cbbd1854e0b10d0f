import { type RawBuilder, sql } from 'kysely';

/** Rows after the cursor, in the order of `column`. A cursor of another list finds other rows, none of others'. */
export function beyond(column: string, cursor: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(column)} > ${cursor}`;
}

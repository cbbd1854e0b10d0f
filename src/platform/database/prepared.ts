import type pg from 'pg';

// The comment at the head of a statement that is to be prepared under this name.
const MARK = /^\s*\/\* prepared: ([a-z-]{1,60}) \*\//;

type Query = (text: unknown, values?: unknown[]) => unknown;

/**
 * Lets statements that begin with the comment "prepared: name" be planned once per connection: for the
 * batch statements, which join the daily partitions, planning costs many times what running them does.
 *
 * Such a statement MUST always have the same text and MUST name its result columns one by one, so that a
 * migration while the process runs does not change what its plan returns.
 */
export function prepareMarked(client: pg.ClientBase): void {
  const query: Query = client.query.bind(client);
  const preparing: Query = (text, values) => {
    const name = typeof text === 'string' ? MARK.exec(text)?.[1] : undefined;
    return name === undefined ? query(text, values) : query({ name, text, values });
  };
  Object.assign(client, { query: preparing });
}

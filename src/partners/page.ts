/** One page of a list; `next` is there when there is more. */
export interface Page<Item> {
  readonly items: Item[];
  readonly next?: string;
}

export interface PageAsked {
  readonly limit: number;
  readonly after?: string;
}

/** Makes a page of rows of which one more than `limit` was asked for. */
export function pageOf<Item>(
  rows: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => string,
): Page<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items };
}

/** The same page, each item shown as callers see it. */
export function mapPage<Item, View>(page: Page<Item>, show: (item: Item) => View): Page<View> {
  return { ...page, items: page.items.map(show) };
}

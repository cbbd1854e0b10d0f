/** A source of work: an array, a generator, a stream. */
export type Source<Item> = Iterable<Item> | AsyncIterable<Item>;

/** Any source as an asynchronous one. */
export async function* flowing<Item>(source: Source<Item>): AsyncGenerator<Item> {
  yield* source;
}

/**
 * Works on at most `limit` items at a time and yields what comes of them as it comes. While nobody takes
 * the results nothing more is taken from the source.
 */
export async function* inParallel<Item, Result>(
  source: AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const items = source[Symbol.asyncIterator]();
  const running = new Set<Promise<() => Result | undefined>>();
  let pulling: Promise<() => undefined> | undefined;
  let isOver = false;
  const start = (item: Item): void => {
    const task = work(item).then((result) => () => {
      running.delete(task);
      return result;
    });
    running.add(quiet(task));
  };
  const pull = async (): Promise<() => undefined> => {
    const next = await items.next();
    return () => {
      pulling = undefined;
      if (next.done === true) isOver = true;
      else start(next.value);
      return undefined;
    };
  };
  try {
    for (;;) {
      if (!isOver && running.size < limit) pulling ??= quiet(pull());
      if (pulling === undefined && running.size === 0) return;
      const settle = await Promise.race([...running, ...(pulling === undefined ? [] : [pulling])]);
      const result = settle();
      if (result !== undefined) yield result;
    }
  } finally {
    await items.return?.();
  }
}

/** Gathers up to `most` items, or what came within `withinMs` of the first: a slow source waits no longer. */
export async function* inBatches<Item>(
  source: AsyncIterable<Item>,
  most: number,
  withinMs: number,
): AsyncGenerator<Item[]> {
  const items = source[Symbol.asyncIterator]();
  let batch = new Batch<Item>(most, withinMs);
  try {
    let pulling = quiet(items.next());
    for (;;) {
      const next = await Promise.race([pulling, batch.late]);
      const holds = isItem(next);
      if (holds) {
        batch.add(next.value);
        pulling = quiet(items.next());
      }
      if (batch.items.length > 0 && (!holds || batch.isFull)) {
        batch.drop();
        yield batch.items;
        batch = new Batch<Item>(most, withinMs);
      }
      if (!holds && next !== LATE) return;
    }
  } finally {
    batch.drop();
    await items.return?.();
  }
}

const LATE = Symbol('late');

function isItem<Item>(
  next: IteratorResult<Item, unknown> | typeof LATE,
): next is IteratorYieldResult<Item> {
  return next !== LATE && next.done !== true;
}

class Batch<Item> {
  readonly items: Item[] = [];
  /** Resolves when the first item has waited long enough. */
  readonly late: Promise<typeof LATE>;
  #timer: NodeJS.Timeout | undefined;
  #end: () => void = () => undefined;

  constructor(
    private readonly most: number,
    private readonly withinMs: number,
  ) {
    this.late = new Promise((resolve) => {
      this.#end = () => resolve(LATE);
    });
  }

  get isFull(): boolean {
    return this.items.length >= this.most;
  }

  add(item: Item): void {
    this.items.push(item);
    this.#timer ??= setTimeout(this.#end, this.withinMs);
  }

  drop(): void {
    clearTimeout(this.#timer);
  }
}

/** Whoever awaits it gets its error; that nobody did is no fault of the process. */
function quiet<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}

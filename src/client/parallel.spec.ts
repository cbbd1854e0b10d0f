import { describe, expect, it } from 'vitest';
import { flowing, inBatches, inParallel } from './parallel.js';

/** Items that know how many of them were taken. */
function counted(count: number) {
  const source = { taken: 0, closed: false, items: items() };
  async function* items(): AsyncGenerator<number> {
    try {
      for (; source.taken < count;) yield source.taken++;
    } finally {
      source.closed = true;
    }
  }
  return source;
}

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await Promise.resolve();
};

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function all<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('inParallel', () => {
  it('yields what comes of every item, with at most so many at work', async () => {
    let working = 0;
    let most = 0;
    const results = await all(
      inParallel(counted(500).items, 7, async (n) => {
        most = Math.max(most, ++working);
        await later();
        working--;
        return n * 2;
      }),
    );

    expect(results.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n * 2));
    expect(most).toBe(7);
  });

  it('takes nothing more while nobody takes the results', async () => {
    const source = counted(1000);
    const results = inParallel(source.items, 3, (n) => Promise.resolve(n));

    await results.next();
    await turns(1000);

    expect(source.taken).toBeLessThanOrEqual(5);
    await results.return(undefined);
    expect(source.closed).toBe(true);
  });

  it('ends with the first fault, and closes the source', async () => {
    const source = counted(1000);
    const results = inParallel(source.items, 3, async (n) => {
      if (n === 5) throw new Error('five');
      return n;
    });

    await expect(all(results)).rejects.toThrow('five');
    expect(source.closed).toBe(true);
    expect(source.taken).toBeLessThan(20);
  });

  it('passes on what the source throws', async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw new Error('source');
    }

    await expect(all(inParallel(broken(), 3, (n) => Promise.resolve(n)))).rejects.toThrow('source');
  });
});

describe('inBatches', () => {
  it('fills batches, and the last with what is left', async () => {
    const batches = await all(inBatches(counted(250).items, 100, 60_000));

    expect(batches.map((batch) => batch.length)).toEqual([100, 100, 50]);
    expect(batches.flat()).toEqual(Array.from({ length: 250 }, (_, n) => n));
  });

  it('takes any iterable, and makes no batch of nothing', async () => {
    expect(await all(inBatches(flowing([1, 2]), 5, 60_000))).toEqual([[1, 2]]);
    expect(await all(inBatches(flowing([]), 5, 60_000))).toEqual([]);
  });

  it('does not wait for a slow source to fill a batch', async () => {
    let more: () => void = () => undefined;
    async function* slow(): AsyncGenerator<string> {
      yield 'first';
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      yield 'second';
    }
    const batches = inBatches(slow(), 100, 5);

    expect((await batches.next()).value).toEqual(['first']);
    more();
    expect((await batches.next()).value).toEqual(['second']);
    expect((await batches.next()).done).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { MemoryReplay, type RedisLike, RedisReplay, type ReplayStore } from './replay.js';

/** What every store promises. */
function keepsReplayPromises(make: () => ReplayStore | Promise<ReplayStore>): void {
  it('gives a key to one of many who claim it', async () => {
    const store = await make();

    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.claim('k', String(n), 60_000)),
    );

    expect(claims.filter((standing) => standing === undefined)).toHaveLength(1);
    expect(new Set(claims.filter((standing) => standing !== undefined)).size).toBe(1);
  });

  it('answers what stands there, and what was put there since', async () => {
    const store = await make();

    expect(await store.claim('k', 'a', 60_000)).toBeUndefined();
    expect(await store.claim('k', 'b', 60_000)).toBe('a');
    await store.put('k', 'c', 60_000);
    expect(await store.claim('k', 'd', 60_000)).toBe('c');
  });

  it('forgets what is dropped, and what ran out', async () => {
    const store = await make();

    await store.claim('dropped', 'a', 60_000);
    await store.drop('dropped');
    expect(await store.claim('dropped', 'b', 60_000)).toBeUndefined();

    await store.claim('short', 'a', 1);
    const deadline = Date.now() + 5000;
    let standing: string | undefined = 'a';
    while (standing === 'a' && Date.now() < deadline) standing = await store.claim('short', 'b', 1);
    expect(standing).not.toBe('a');
  });

  it('keeps keys apart', async () => {
    const store = await make();

    await store.claim('a', '1', 60_000);
    expect(await store.claim('b', '2', 60_000)).toBeUndefined();
  });
}

describe('MemoryReplay', () => {
  keepsReplayPromises(() => new MemoryReplay());
});

/** As much of Redis as its type asks for. */
function redisInMemory(): RedisLike {
  const values = new Map<string, { value: string; until: number }>();
  const live = (key: string) => {
    const found = values.get(key);
    return found !== undefined && found.until > Date.now() ? found.value : null;
  };
  return {
    set: async (key: string, value: string, _px: 'PX', ms: number, nx?: 'NX') => {
      if (nx === 'NX' && live(key) !== null) return null;
      values.set(key, { value, until: Date.now() + ms });
      return 'OK';
    },
    get: async (key) => live(key),
    del: async (key) => values.delete(key),
  };
}

describe('RedisReplay', () => {
  keepsReplayPromises(() => new RedisReplay(redisInMemory()));
});

import { expect, it } from 'vitest';
import { Guard } from './guard.js';
import { MAX_POOLS, Pools } from './pools.js';

const guard = new Guard(
  { allowHttp: false, allowCidrs: [], allowLoopback: false, maxResponseBytes: 1 },
  () => Promise.resolve([]),
);

it('keeps one pool for each key, and lets go of the one unused for longest', async () => {
  const pools = new Pools(guard);
  const [first, second] = [pools.of('first'), pools.of('second')];
  expect(second).not.toBe(first);

  for (let at = 2; at < MAX_POOLS; at += 1) pools.of(`partner-${at}`);
  expect(pools.of('first')).toBe(first);
  pools.of('one too many');

  expect(pools.of('first')).toBe(first);
  expect(pools.of('second')).not.toBe(second);
  await pools.close();
});

it('makes no pool once it is closed', async () => {
  const pools = new Pools(guard);
  await pools.close();

  expect(() => pools.of('first')).toThrow('broke');
});

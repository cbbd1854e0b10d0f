import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runMakeKeys } from './run-make-keys.js';

describe('make-keys', () => {
  let dir: string;
  let said: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-keys-'));
    said = '';
    const keep = (text: unknown): boolean => {
      said += String(text);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(keep);
    vi.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(dir, { recursive: true });
  });

  const read = async (file: string): Promise<string> => readFile(join(dir, file), 'utf8');
  const modeOf = async (file: string): Promise<number> =>
    (await stat(join(dir, file))).mode & 0o777;

  it('makes private keys for their owner alone, and the public half of the operator for all', async () => {
    expect(await runMakeKeys(['--dir', dir])).toBe(0);

    expect(await modeOf('exchange.jwks.json')).toBe(0o600);
    expect(await modeOf('operator.jwk')).toBe(0o600);
    const exchange = JSON.parse(await read('exchange.jwks.json')) as { keys: { alg: string }[] };
    expect(exchange.keys.map((key) => key.alg)).toEqual(['ES256', 'Ed25519']);
    const [operator] = (JSON.parse(await read('operator.jwks.json')) as { keys: object[] }).keys;
    expect(operator).not.toHaveProperty('d');
    expect(JSON.parse(await read('operator.jwk'))).toMatchObject({ ...operator });
    expect(said).not.toContain('"d"');
  });

  it('never writes over a key', async () => {
    await runMakeKeys(['--dir', dir]);
    const before = await read('exchange.jwks.json');

    expect(await runMakeKeys(['--dir', dir])).toBe(1);
    expect(await runMakeKeys(['--dir', dir, '--if-absent'])).toBe(0);
    await rm(join(dir, 'operator.jwk'));
    expect(await runMakeKeys(['--dir', dir, '--if-absent'])).toBe(1);

    expect(await read('exchange.jwks.json')).toBe(before);
    expect(said).toContain('no key is overwritten');
  });

  it('keeps the key of the operator elsewhere when asked', async () => {
    await runMakeKeys(['--dir', join(dir, 'keys'), '--operator-dir', join(dir, 'operator')]);

    expect(await modeOf('operator/operator.jwk')).toBe(0o600);
    await expect(read('keys/operator.jwk')).rejects.toThrow('ENOENT');
  });

  it.each([[[]], [['--dir']], [['--what']]])('explains itself: %j', async (args: string[]) => {
    expect(await runMakeKeys(args)).toBe(1);
    expect(said).not.toBe('');
  });
});

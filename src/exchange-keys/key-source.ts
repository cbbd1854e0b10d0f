import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Broken, JsonFault, parseStrictJson } from '../envelope/index.js';
import type { Log } from '../platform/index.js';

/** Sixteen of the largest keys there are, and room. */
const MAX_FILE_BYTES = 262_144;
const OTHERS = 0o077;

/** JSON and what to call it in a complaint: the setting's name, or the file's path. */
export interface KeySource {
  readonly name: string;
  readonly json: unknown;
}

/** Reads a setting that is JSON itself, or the path of a file that holds it. Throws Broken in one line. */
export async function readSetting(name: string, value: string): Promise<KeySource> {
  const text = value.trimStart().startsWith('{') ? value : await readText(name, value);
  return { name, json: parse(name, text) };
}

/** Reads the file of private keys at `path`; makes it at first start, for its owner alone. */
export async function readOrMake(path: string, make: () => Promise<object>): Promise<KeySource> {
  if (!(await exists(path))) await writePrivately(path, JSON.stringify(await make()));
  return { name: path, json: parse(path, await readText(path, path)) };
}

/** Says so at start when others on this machine may read a file of private keys. */
export async function warnIfOthersRead(name: string, path: string, log: Log): Promise<void> {
  // Not a reason to stop: secrets mounted into a container are often readable in it.
  if (((await stat(path)).mode & OTHERS) !== 0)
    log.warn(`${name}: others can read this file of private keys; chmod 600`, 'ExchangeKeys');
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw unreadable(path, error);
  }
}

async function readText(name: string, path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new Broken(`${name}: the file is larger than a JWK Set can be`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof Broken ? error : unreadable(name, error);
  }
}

function parse(name: string, text: string): unknown {
  try {
    return parseStrictJson(text.trim());
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw new Broken(`${name}: not strict JSON (${error.kind})`);
  }
}

/** The file is there whole or not at all, and never readable by others, not even for a moment. */
async function writePrivately(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    await file
      .writeFile(`${text}\n`)
      .then(() => file.sync())
      .finally(() => file.close());
    await rename(temporary, path);
    await syncDirectory(directory);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Broken(`${path}: the file cannot be written (${codeOf(error)})`, { cause: error });
  }
}

// A receipt may be out before the disk has the name of the file with the key that signed it.
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

function unreadable(name: string, error: unknown): Broken {
  return new Broken(`${name}: the file cannot be read (${codeOf(error)})`, { cause: error });
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}

import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PrivateJwk } from '../client/index.js';
import { UsageFault } from './failures.js';

const OWNER_ONLY = 0o600;
const OTHERS_MAY = 0o077;

/** Reads a text file. Throws UsageFault that names it. */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageFault(`${what} cannot be read: ${path}`, codeOf(error));
  }
}

/** Reads a JSON object from a file. Never repeats what is in it. */
export async function readObject(path: string, what: string): Promise<Record<string, unknown>> {
  const value = jsonOf(await readText(path, what));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageFault(`${what} is not a JSON object: ${path}`);
  return { ...value };
}

/** A private JWK, or the first of a private JWK Set. Refuses a file that other users can read. */
export async function readPrivateJwk(path: string, what = 'The private key'): Promise<PrivateJwk> {
  const file = await readObject(path, what);
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & OTHERS_MAY) !== 0)
    throw new UsageFault(`${what} can be read by others: ${path}`, `chmod 600 ${path}`);
  const [first]: unknown[] = Array.isArray(file['keys']) ? file['keys'] : [file];
  if (typeof first !== 'object' || first === null)
    throw new UsageFault(`${what} is not a private JWK: ${path}`);
  return { ...first };
}

/** Writes a file that only its owner reads; never over one that is there. */
export async function writeNew(path: string, value: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, `${JSON.stringify(value, null, 2)}\n`, { flag: 'wx', mode: OWNER_ONLY });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new UsageFault(
      `There is a key already: ${path}`,
      'Move it away, or choose another file.',
    );
  }
}

/** Writes or replaces a file that only its owner reads; half a file is never seen. */
export async function writeOwn(path: string, value: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}`;
  await writeFile(next, `${JSON.stringify(value, null, 2)}\n`, { mode: OWNER_ONLY });
  await chmod(next, OWNER_ONLY);
  await rename(next, path);
}

/** Writes or replaces a text file that only its owner reads. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, `${text}\n`, { mode: OWNER_ONLY });
}

/** All of stdin as text. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** JSON of the person at the keyboard. Throws UsageFault that names where it stands. */
export function parseGiven(text: string, where: string): unknown {
  const value = jsonOf(text);
  if (value === undefined) throw new UsageFault(`${where} is not JSON`);
  return value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : undefined;
}

import { readFile } from 'node:fs/promises';
import type { PinStore } from '../client/index.js';
import { UsageFault } from './failures.js';
import { writeOwn } from './files.js';

/**
 * Which keys of which partners this profile has seen, kept beside it: who is known is not believed anew
 * when an exchange lists other keys. Written by hand it pins: `{ "bob": ["<thumbprint>"] }`.
 */
export class KnownKeys implements PinStore {
  constructor(private readonly path: string) {}

  async known(partner: string): Promise<readonly string[]> {
    return (await this.#read())[partner] ?? [];
  }

  async remember(partner: string, thumbprints: readonly string[]): Promise<void> {
    const all = await this.#read();
    const before = all[partner] ?? [];
    const next = [...new Set([...before, ...thumbprints])];
    if (next.length > before.length) await writeOwn(this.path, { ...all, [partner]: next });
  }

  async #read(): Promise<Record<string, string[]>> {
    const text = await readFile(this.path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}';
      throw error;
    });
    return listsOf(text) ?? this.#unreadable();
  }

  // Taken for empty, everybody would be believed anew.
  #unreadable(): never {
    throw new UsageFault(`The known keys are not a JSON object of lists: ${this.path}`);
  }
}

function listsOf(text: string): Record<string, string[]> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const lists = Object.entries(value).map(([partner, list]: [string, unknown]) => {
      if (!Array.isArray(list)) throw new SyntaxError(partner);
      return [partner, list.filter((one) => typeof one === 'string')] as const;
    });
    return Object.fromEntries(lists);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

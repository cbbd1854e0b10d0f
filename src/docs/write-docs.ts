import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printOpenApi } from './print-openapi.js';
import { printConfiguration, printEnvExample } from './print-settings.js';
import { settingsTable } from './settings-table.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SETTINGS = ['src/platform/config/settings.ts', 'src/platform/config/limits.ts'];

/** Rewrites the printed documents; with `check` only compares them. Answers the exit code. */
export async function writeDocs({ check }: { readonly check: boolean }): Promise<number> {
  const old = await outdated();
  if (old.length === 0) return say('The printed documents are up to date.', 0);
  const names = old.map(([path]) => path).join(', ');
  if (check) return say(`Not up to date: ${names}. Run "npm run docs".`, 1);
  for (const [path, text] of old) await write(path, text);
  return say(`Wrote ${names}.`, 0);
}

function say(line: string, exitCode: number): number {
  process.stdout.write(`${line}\n`);
  return exitCode;
}

/** Paths and new texts of the documents that no longer say what the code says. */
async function outdated(): Promise<[string, string][]> {
  const old: [string, string][] = [];
  for (const [path, text] of Object.entries(await printed()))
    if ((await readIfThere(path)) !== text) old.push([path, text]);
  return old;
}

async function printed(): Promise<Record<string, string>> {
  const settings = await settingsTable(SETTINGS.map((path) => join(ROOT, path)));
  return {
    '.env.example': printEnvExample(settings),
    'docs/configuration.md': printConfiguration(settings),
    'docs/openapi.json': await printOpenApi(),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(join(ROOT, path), 'utf8').catch(() => undefined);
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(ROOT, path)), { recursive: true });
  await writeFile(join(ROOT, path), text);
}

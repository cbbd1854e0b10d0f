import { type ICruiseResult, cruise } from 'dependency-cruiser';
import { globSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  HOMES,
  MAX_CODE_LINES,
  MAY_IMPORT,
  MAY_IMPORT_ALL,
  WITHOUT_NEST,
  WORDS,
} from './support/import-law.js';

const files = globSync('src/**/*.ts').filter((path) => !path.endsWith('.spec.ts'));
const read = (path: string): string => readFileSync(path, 'utf8');

interface Import {
  readonly from: string;
  /** A file of src, or the name of a package. */
  readonly to: string;
}

let modules: ICruiseResult['modules'];
let inside: readonly Import[];
let packages: readonly Import[];

beforeAll(async () => {
  const { output } = await cruise(
    ['src'],
    {
      tsPreCompilationDeps: true,
      exclude: { path: '\\.spec\\.ts$' },
      doNotFollow: { path: 'node_modules' },
    },
    {},
  );
  ({ modules } = typeof output === 'string' ? (JSON.parse(output) as ICruiseResult) : output);
  const all = modules.flatMap(({ source, dependencies }) =>
    dependencies.map(({ resolved, module }) => ({ from: source, to: resolved, module })),
  );
  inside = all.filter(({ from, to }) => from.startsWith('src/') && to.startsWith('src/'));
  packages = all
    .filter(({ from, module }) => from.startsWith('src/') && !module.startsWith('.'))
    .map(({ from, module }) => ({ from, to: packageOf(module) }));
});

function packageOf(module: string): string {
  const [first = '', second = ''] = module.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

// Types that name each other are gone when the program runs.
function isCircleAtRunTime({
  circular,
  cycle = [],
}: ICruiseResult['modules'][0]['dependencies'][0]) {
  return circular && cycle.every(({ dependencyTypes }) => !dependencyTypes.includes('type-only'));
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function text({ from, to }: Import): string {
  return `${from} -> ${to}`;
}

const acrossFolders = (): Import[] =>
  inside.filter(({ from, to }) => !MAY_IMPORT_ALL.test(from) && folderOf(from) !== folderOf(to));

describe('the import law', () => {
  it('is held over every file of src: a guard that sees nothing is no guard', () => {
    const cruised = new Set(modules.map(({ source }) => source));

    expect(files.filter((path) => !cruised.has(path))).toEqual([]);
    expect(modules.length).toBeGreaterThanOrEqual(files.length);
    expect(inside.length).toBeGreaterThan(files.length);
    expect(packages.length).toBeGreaterThan(100);
  });

  it('knows every folder, and is a strict order', () => {
    const folders = new Set(files.filter((path) => !MAY_IMPORT_ALL.test(path)).map(folderOf));
    expect([...folders].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);

    const reaches = (from: string, seen: readonly string[] = []): string[] =>
      (MAY_IMPORT[from] ?? []).flatMap((to) =>
        seen.includes(to) ? [to] : [to, ...reaches(to, [...seen, to])],
      );
    for (const folder of Object.keys(MAY_IMPORT)) expect(reaches(folder)).not.toContain(folder);
  });

  it('lets a folder import what its row names', () => {
    const forbidden = acrossFolders().filter(
      ({ from, to }) => !(MAY_IMPORT[folderOf(from)] ?? []).includes(folderOf(to)),
    );

    expect(forbidden.map(text)).toEqual([]);
  });

  it('lets nobody enter another folder but by its index.ts', () => {
    const aside = acrossFolders().filter(({ to }) => to !== `src/${folderOf(to)}/index.ts`);

    expect(aside.map(text)).toEqual([]);
  });

  it('has no circles', () => {
    const circular = modules.flatMap(({ source, dependencies }) =>
      dependencies.filter(isCircleAtRunTime).map((one) => `${source} -> ${one.resolved}`),
    );

    expect(circular).toEqual([]);
  });

  it.each(HOMES)('keeps $packages at home in $home', ({ packages: which, home }) => {
    const abroad = packages.filter(({ from, to }) => which.test(to) && !home.test(from));

    expect(abroad.map(text)).toEqual([]);
  });

  it('keeps the framework out of what runs in a plain script', () => {
    const framework = packages.filter(
      ({ from, to }) => WITHOUT_NEST.test(from) && /^@nestjs\/|^fastify$|^class-/.test(to),
    );

    expect(framework.map(text)).toEqual([]);
  });
});

describe('every file of src', () => {
  it.each(WORDS)('keeps the rule that $what', ({ word, home }) => {
    const broken = files.filter(
      (path) => !home.test(path) && word.test(withoutComments(read(path))),
    );

    expect(broken).toEqual([]);
  });

  it('gives a reason for every exception from the lint rules, and names the rule', () => {
    const bare = globSync('{src,test,bench}/**/*.ts')
      .flatMap((path) =>
        read(path)
          .split('\n')
          .map((line, at) => ({ line, where: `${path}:${at + 1}` })),
      )
      .filter(({ line }) => /^\s*(?:\/\/|\/\*) ?(?:ox|es)lint-disable/.test(line))
      .filter(
        ({ line }) =>
          !/lint-disable(?:-next-line|-line)? [a-z][\w/-]+(?:, [\w/-]+)* -- \S/.test(line),
      );

    expect(bare.map(({ where }) => where)).toEqual([]);
  });

  it(`has at most ${MAX_CODE_LINES} lines of code`, () => {
    const long = files
      .map((path) => ({
        path,
        lines: withoutComments(read(path))
          .split('\n')
          .filter((line) => line.trim() !== '').length,
      }))
      .filter(({ lines }) => lines > MAX_CODE_LINES);

    expect(long).toEqual([]);
  });
});

/** Good enough for counting and looking for words: what stands in a comment says nothing. */
function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

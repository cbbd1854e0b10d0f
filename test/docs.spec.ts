import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLIENT_REASONS, MAY_FOLLOW, REASONS } from '../src/envelope/index.js';

const read = (path: string): string => readFileSync(path, 'utf8');
const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

describe('the printed documents', () => {
  it('say what the code says', () => {
    expect(existsSync('dist/docs.js'), 'run "npm run build" first').toBe(true);

    const { stdout, stderr } = spawnSync(process.execPath, ['dist/docs.js', '--check'], {
      encoding: 'utf8',
    });

    expect(stdout + stderr).toBe('The printed documents are up to date.\n');
  });
});

describe('docs/errors.md', () => {
  const headings = [...read('docs/errors.md').matchAll(/^### (.+)$/gm)].map(
    ([, code = '']) => code,
  );

  it.each(Object.entries(REASONS))('explains %s', (code, { status, says }) => {
    expect(headings.filter((heading) => heading === code)).toHaveLength(1);

    const [, text = ''] = read('docs/errors.md').split(`\n### ${code}\n`);
    const own = text.split('\n#')[0] ?? '';
    expect(own.trim().startsWith(`**${status}.** ${says}.\n`)).toBe(true);
    expect(own.trim().split('\n\n').length).toBeGreaterThan(1);
  });

  it('explains nothing else', () => {
    expect(headings.filter((heading) => !(heading in REASONS))).toEqual([]);
  });
});

describe('docs/client.md', () => {
  const page = read('docs/client.md');

  it('explains every reason that only a client gives, and no other', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` +\| `(\w+)` +\|/gm)];
    const explained = rows.map(([, code, err]) => `${code} ${err}`);

    expect(explained.toSorted()).toEqual(
      Object.entries(CLIENT_REASONS)
        .map(([code, { err }]) => `${code} ${err}`)
        .toSorted(),
    );
  });
});

describe('docs/the-way-of-an-envelope.md', () => {
  const way = read('docs/the-way-of-an-envelope.md');

  it('draws the states as the lifecycle has them', () => {
    const drawn = [...way.matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(
      ([, from, to]) => `${from} ${to}`,
    );
    const held = Object.entries(MAY_FOLLOW).flatMap(([from, next]) =>
      next.map((to) => `${from} ${to}`),
    );

    expect(drawn.toSorted()).toEqual(held.toSorted());
  });

  it('explains every state', () => {
    const explained = [...way.matchAll(/^\| `(\w+)` +\|/gm)].map(([, state]) => state);

    expect(explained.toSorted()).toEqual(Object.keys(MAY_FOLLOW).toSorted());
  });
});

describe('README.md', () => {
  it.each(['npm ci && npm start', 'npm run demo', 'npm test'])('names %s', (command) => {
    expect(read('README.md')).toContain(command);
  });
});

describe.each(pages)('%s', (page) => {
  // What stands in code is not prose.
  const prose = read(page).replaceAll(/^```[^]*?^```$/gm, '');

  it('links to what is there', () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^(?:https?:|#)/.test(target));

    const broken = local.filter(
      (target) => !existsSync(join(dirname(page), target.replace(/#.*$/, ''))),
    );

    expect(broken).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/\bnpm run ([a-z:-]+)/g)].map(([, name = '']) => name);

    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLAIMS, ENCODING, HEADER, SEALED } from '../support/attacks.js';
import { type Answer, ANSWERS } from './answers.js';

const CATALOGUE = '../shared/ATTACKS.md';
/** J, K and O are those of egress, delivery and storage: their specs name their lines themselves. */
const GROUPS = 'ABCDEFGHILMN';

const posted = new Set([...CLAIMS, ...ENCODING, ...HEADER, ...SEALED].map(({ line }) => line));
const sources = new Map<string, string>();

/** What stands in a spec besides comments; undefined where there is none. */
function sourceOf(spec: string): string | undefined {
  const path = existsSync(spec) ? spec : spec.replace('.spec.ts', '.ts');
  if (!existsSync(path)) return undefined;
  const known = sources.get(path);
  if (known !== undefined) return known;
  const source = readFileSync(path, 'utf8').replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
  sources.set(path, source);
  return source;
}

function faultOf(line: number, answer: Answer): string[] {
  if (answer === 'posted') return posted.has(line) ? [] : [`${line}: no row in attacks.ts`];
  if ('because' in answer) return answer.because.length > 20 ? [] : [`${line}: no reason`];
  const { spec, says } = answer;
  return sourceOf(spec)?.includes(says) === true ? [] : [`${line}: ${spec} has no “${says}”`];
}

/** The numbers of the catalogue's lines, in the groups that are answered here. */
function linesOfCatalogue(): number[] {
  const parts = readFileSync(CATALOGUE, 'utf8').split(/^## /m);
  return parts
    .filter((part) => GROUPS.includes(part[0] ?? '') && part[1] === '.')
    .flatMap((part) => [...part.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number)));
}

describe('the attack catalogue', () => {
  it.skipIf(!existsSync(CATALOGUE))(
    'has an answer for every line, and no answer without one',
    () => {
      const lines = linesOfCatalogue();

      expect(lines.length).toBeGreaterThan(200);
      expect(lines.filter((line) => ANSWERS[line] === undefined)).toEqual([]);
      expect(Object.keys(ANSWERS).map(Number)).toEqual(lines.toSorted((a, b) => a - b));
    },
  );

  it.each(Object.entries(ANSWERS).map(([line, answers]) => ({ line: Number(line), answers })))(
    'line $line is answered by tests that are there, or by a reason',
    ({ line, answers }) => {
      expect(answers.length).toBeGreaterThan(0);
      expect(answers.flatMap((answer) => faultOf(line, answer))).toEqual([]);
    },
  );

  it('leaves no row of the posted attacks without its line', () => {
    expect([...posted].filter((line) => ANSWERS[line] === undefined)).toEqual([]);
  });
});

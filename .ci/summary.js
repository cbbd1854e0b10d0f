// Reads vitest's JSON report: says which suites should have run and did not, and prints the totals as the
// last line. Ends with 1 when a test failed or a suite is missing.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Suites of which a part needs what not every machine lets root do (user namespaces, another Node). */
const MAY_SKIP = new Set(['test/integration/embedded-postgres-users.spec.ts']);
/** Every promise of the queue is kept on both engines. */
const ENGINES = ['postgres', 'redis'];

const [, , path = ''] = process.argv;
const report = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { testResults: [] };
const faults = [];

const ran = new Map(report.testResults.map((file) => [relative('.', file.name), file]));
for (const file of globSync(['src/**/*.spec.ts', 'test/**/*.spec.ts']))
  if (!ran.has(file)) faults.push(`did not run: ${file}`);
for (const [file, { status, message, assertionResults }] of ran) {
  if (assertionResults.length === 0) faults.push(`ran no test: ${file}`);
  if (status === 'failed' && message !== '') faults.push(`broke: ${file}`);
}

const tests = [...ran].flatMap(([file, { assertionResults }]) =>
  assertionResults.map(({ status, fullName }) => ({ file, status, fullName })),
);
const passed = tests.filter(({ status }) => status === 'passed');
const failed = tests.filter(({ status }) => status === 'failed');
const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');

for (const engine of ENGINES)
  if (!passed.some(({ fullName }) => fullName.includes(` on ${engine}`)))
    faults.push(`no test passed on the ${engine} engine`);
for (const { file, fullName } of failed) faults.push(`failed: ${file}: ${fullName}`);
for (const { file, fullName } of skipped) {
  // What a suite that broke left out is said once, above.
  if (ran.get(file).status === 'failed') continue;
  if (!MAY_SKIP.has(file)) faults.push(`skipped: ${file}: ${fullName}`);
  else process.stdout.write(`Skipped, as this machine cannot: ${file}: ${fullName}\n`);
}

for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(
  `${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped\n`,
);
process.exitCode = faults.length > 0 || passed.length === 0 ? 1 : 0;

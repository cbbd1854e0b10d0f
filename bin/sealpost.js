#!/usr/bin/env node
// The door to the `sealpost` command: finds a Node that is new enough and a build, then opens.
// Kept outside dist so that `npx sealpost` works in a fresh clone, before anything was built.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = [24, 19];
const inClone = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const program = inClone('dist/cli/sealpost.js');
const ownNode = inClone('node_modules/.bin/node');
const builder = inClone('node_modules/@nestjs/cli/bin/nest.js');

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

function endWith(code, line) {
  process.stderr.write(`${line}\n`);
  process.exit(code);
}

function run(node, args, options) {
  const { status, signal } = spawnSync(node, args, { stdio: 'inherit', ...options });
  return status ?? (signal === 'SIGINT' ? 130 : 1);
}

const node = isNewEnough(process.versions.node) ? process.execPath : ownNode;
if (!existsSync(node))
  endWith(2, `sealpost needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}.`);

if (!existsSync(program)) {
  if (!existsSync(builder)) endWith(2, 'sealpost is not built. Run "npm ci" and "npm run build".');
  process.stderr.write('Building once …\n');
  // Its output goes to stderr: stdout belongs to the command.
  const built = run(node, [builder, 'build'], { cwd: inClone(''), stdio: ['ignore', 2, 2] });
  if (built !== 0) endWith(2, 'The build failed. Run "npm run build" to see why.');
}

if (node === process.execPath) {
  const { main } = await import(pathToFileURL(program).href);
  await main(process.argv.slice(2));
} else {
  // The terminal sends Ctrl-C to the child as well, which ends in its own time.
  process.on('SIGINT', () => undefined);
  process.exit(run(node, [program, ...process.argv.slice(2)]));
}

import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateKey } from './crypto/index.js';
import { type KeyChange, rotateFile } from './rotate-keys.js';

const USAGE = `Usage: node dist/make-keys.js --dir DIR [--operator-dir DIR] [--if-absent]
       node dist/make-keys.js --rotate --dir DIR
       node dist/make-keys.js --drop-old --dir DIR

Makes the keys of an exchange, never over existing files:
  DIR/exchange.jwks.json   private, for EXCHANGE_JWKS (ES256 and Ed25519)
  DIR/operator.jwks.json   public, for OPERATOR_JWKS
  DIR/operator.jwk         private, for whoever runs the exchange; no process of it needs this file
--operator-dir puts operator.jwk into another directory. With --if-absent, keys that are all there
are left as they are and that is no fault.

--rotate puts new keys before the old ones in DIR/exchange.jwks.json: restart every process, and they sign
with the new ones while the old still hold. --drop-old, when all have restarted and 15 minutes have passed,
leaves only the keys that sign: restart again. What the old ones signed can be verified for ever.
`;

const OWNER_ONLY = 0o600;
const ALL_READ = 0o644;

interface KeyFile {
  readonly path: string;
  readonly mode: number;
  readonly json: object;
}

/** The command `make-keys`. Answers the exit code: 0 when all keys are there, else 1. */
export async function runMakeKeys(args: readonly string[]): Promise<number> {
  try {
    const { dir, operatorDir, ifAbsent, change } = read(args);
    if (change !== undefined) return await changeKeys(dir, change);
    const paths = pathsOf(dir, operatorDir);
    const there = Object.values(paths).filter((path) => existsSync(path));
    if (ifAbsent && there.length === Object.keys(paths).length) {
      process.stdout.write('The keys are there and stay as they are.\n');
      return 0;
    }
    if (there.length > 0) throw new Error(`${there.join(' and ')} exists; no key is overwritten`);
    for (const file of await makeFiles(paths)) await writeNew(file);
    process.stdout.write(
      `Made:\n${Object.values(paths)
        .map((path) => `  ${path}\n`)
        .join('')}`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'unknown error'}\n`);
    return 1;
  }
}

interface Asked {
  readonly dir: string;
  readonly operatorDir: string;
  readonly ifAbsent: boolean;
  readonly change: KeyChange | undefined;
}

async function changeKeys(dir: string, change: KeyChange): Promise<number> {
  const path = join(dir, 'exchange.jwks.json');
  const kids = await rotateFile(path, change);
  process.stdout.write(`${path} has now, first those that sign:\n`);
  process.stdout.write(kids.map((kid) => `  ${kid}\n`).join(''));
  return 0;
}

function read(args: readonly string[]): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      'operator-dir': { type: 'string' },
      'if-absent': { type: 'boolean', default: false },
      rotate: { type: 'boolean', default: false },
      'drop-old': { type: 'boolean', default: false },
    },
  });
  if (!values.dir || (values.rotate && values['drop-old'])) throw new Error(USAGE);
  return {
    dir: values.dir,
    operatorDir: values['operator-dir'] ?? values.dir,
    ifAbsent: values['if-absent'],
    change: values.rotate ? 'rotate' : values['drop-old'] ? 'drop-old' : undefined,
  };
}

type Paths = ReturnType<typeof pathsOf>;

function pathsOf(dir: string, operatorDir: string) {
  return {
    exchange: join(dir, 'exchange.jwks.json'),
    operatorPublic: join(dir, 'operator.jwks.json'),
    operator: join(operatorDir, 'operator.jwk'),
  };
}

async function makeFiles(paths: Paths): Promise<KeyFile[]> {
  const statements = await generateKey('sig', 'ES256');
  const hops = await generateKey('sig', 'Ed25519');
  const operator = await generateKey('sig', 'Ed25519');
  return [
    {
      path: paths.exchange,
      mode: OWNER_ONLY,
      json: { keys: [statements.privateJwk, hops.privateJwk] },
    },
    { path: paths.operatorPublic, mode: ALL_READ, json: { keys: [operator.publicJwk] } },
    { path: paths.operator, mode: OWNER_ONLY, json: operator.privateJwk },
  ];
}

/** `wx`: whatever came there meanwhile is not overwritten either. */
async function writeNew({ path, mode, json }: KeyFile): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(`${JSON.stringify(json)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

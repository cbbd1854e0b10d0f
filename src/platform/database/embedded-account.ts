import { execFile } from 'node:child_process';
import { chown, lchown, lstat, readFile, readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Broken } from '../../envelope/index.js';
import { CHILD_ENV, type Account, type RunAs } from './embedded-process.js';

const AS_WE_ARE: RunAs = { account: undefined, prefix: [], owner: undefined };

/** The first way in which PostgreSQL's programs run and reach `dataDir`; Broken, with every reason, if there is none. */
export async function chooseRunAs(postgres: string, dataDir: string): Promise<RunAs> {
  const reasons: string[] = [];
  for (const way of await ways()) {
    const reason = await whyNot(way, postgres, dataDir);
    if (reason === undefined) return way;
    reasons.push(reason);
  }
  throw new Broken(
    `PostgreSQL cannot run here with its data below ${dataDir} (${reasons.join('; ')}): run as a normal user, ` +
      'choose another DATA_DIR, or set DATABASE_URL to a PostgreSQL of your own',
  );
}

/** Makes `directory` and all below belong to `owner`; its own entry comes last, so that a half-done change is done again. */
export async function giveTo(owner: Account | undefined, directory: string): Promise<void> {
  if (owner === undefined || (await lstat(directory)).uid === owner.uid) return;
  const entries = await readdir(directory, { recursive: true });
  for (const entry of entries) await lchown(join(directory, entry), owner.uid, owner.gid);
  await chown(directory, owner.uid, owner.gid);
}

async function ways(): Promise<RunAs[]> {
  if (process.getuid?.() !== 0) return hasName() ? [AS_WE_ARE] : [inNamespace(), AS_WE_ARE];
  const account = await unprivilegedAccount();
  if (account === undefined) return [inNamespace()];
  return [
    { account, prefix: [], owner: account },
    // Below a directory such as /root, which only root may enter.
    { account: undefined, prefix: withRootsReach(account), owner: account },
    inNamespace(),
  ];
}

/** Another user with one power kept: to pass closed directories. Docker's default allows it. */
function withRootsReach({ uid, gid }: Account): string[] {
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // Without it access(2), with which PostgreSQL looks for its own program, ignores the power.
    '--securebits=+no_setuid_fixup',
    '--',
  ];
}

/** We ourselves under another number, in a user namespace: the data stays ours. Docker's default forbids it. */
function inNamespace(): RunAs {
  const prefix = ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'];
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  const owner = uid === 0 && gid !== undefined ? { uid, gid } : undefined;
  return { account: undefined, prefix, owner };
}

/** initdb refuses a user without a name, e.g. `docker run --user 12345`. */
function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function unprivilegedAccount(): Promise<Account | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const wanted of ['postgres', '_postgres', 'nobody']) {
    const found = lines.find(([name]) => name === wanted);
    const [uid, gid] = [Number(found?.[2]), Number(found?.[3])];
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  return undefined;
}

async function whyNot(way: RunAs, postgres: string, dataDir: string): Promise<string | undefined> {
  const check = ['/bin/sh', '-c', 'cd "$2" && "$1" --version', 'sh', postgres, dataDir];
  const [program = '', ...args] = way.prefix.concat(check);
  try {
    await promisify(execFile)(program, args, { ...way.account, cwd: '/', env: CHILD_ENV });
    return undefined;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return said === '' ? String(error) : said;
  }
}

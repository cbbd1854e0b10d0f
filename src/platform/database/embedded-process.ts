import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { once } from 'node:events';

/**
 * Runs "$@" until it ends or our end of its stdin closes, which the kernel sees to even after kill -9 of us;
 * then PostgreSQL gets its fast shutdown. It is a loop since a SIGINT during PostgreSQL's first moments is lost.
 */
const SUPERVISOR = `
exec 3<&0
"$@" </dev/null 3<&- &
p=$!
(cat <&3 >/dev/null; while kill -INT $p 2>/dev/null; do sleep 1; done) &
w=$!
wait $p
s=$?
kill $w 2>/dev/null
exit $s`;

/** Enough to find the shell's tools; nothing of our own environment, which holds secrets, is handed on. */
export const CHILD_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** One way to run PostgreSQL, which refuses to be run by root. */
export interface RunAs {
  /** Who we become when starting; as we are when undefined. */
  readonly account: Account | undefined;
  /** Words in front of the command. */
  readonly prefix: readonly string[];
  /** Who must own the data; nothing is changed when undefined. */
  readonly owner: Account | undefined;
}

export interface Supervised {
  /** Resolves, never rejects, to the exit code when the command has gone. */
  readonly gone: Promise<number>;
  readonly hasGone: () => boolean;
  /** Asks for a fast shutdown. Idempotent. */
  end(): void;
}

/** Starts a command that outlives Ctrl-C in our terminal but never outlives us; it writes to `logFile`. */
export function supervise(
  command: readonly string[],
  { prefix, account }: RunAs,
  logFile: string,
): Supervised {
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(
    '/bin/sh',
    ['-c', SUPERVISOR, 'sealpost-postgres', ...prefix, ...command],
    // A session of its own: Ctrl-C goes to the whole foreground group, and we stop PostgreSQL last, ourselves.
    { ...account, cwd: '/', env: CHILD_ENV, detached: true, stdio: ['pipe', log, log] },
  );
  closeSync(log);
  const stdin = child.stdio[0];
  stdin?.on('error', () => undefined); // it may have gone before we say so
  let ended = false;
  const gone = once(child, 'exit').then(
    ([code]) => (typeof code === 'number' ? code : 1),
    () => 1,
  );
  const settled = gone.then((code) => {
    ended = true;
    stdin?.destroy(); // lets the supervisor's own `cat` go
    return code;
  });
  return { gone: settled, hasGone: () => ended, end: () => void stdin?.end() };
}

/** The last lines of a log, for an error that must explain itself. */
export function lastLines(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
  } catch {
    return '(no log)';
  }
}

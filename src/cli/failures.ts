import pc from 'picocolors';
import { ExchangeRefused } from '../client/index.js';
import { Refused, Rejected } from '../envelope/index.js';
import type { Out } from './out.js';

/** What the command ends with; documented in `sealpost --help`. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line, a file or the profile is not right: the person at the keyboard can mend it. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';

  constructor(
    message: string,
    /** What to type instead. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

interface Told {
  readonly exit: ExitCode;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly status?: number;
  /** Where to read more, or what to type. */
  readonly more?: string;
}

/** Says what went wrong and answers the exit code. */
export function tell(error: unknown, out: Out, url: string): ExitCode {
  const { exit, ...told } = explain(error, url);
  out.fault({ error: told }, () => {
    const { code, title, detail, more } = told;
    const head = `${pc.red(pc.bold(code))}  ${title}${detail === undefined ? '' : `: ${detail}`}`;
    return more === undefined ? head : `${head}\n${pc.dim(more)}`;
  });
  return exit;
}

function explain(error: unknown, url: string): Told {
  if (error instanceof ExchangeRefused) return refusedByExchange(error, url);
  if (error instanceof Refused) {
    const { code, detail, message } = error;
    const title = detail === undefined ? message : message.slice(0, -detail.length - 2);
    return { exit: EXIT.refused, code, title, ...given(detail), more: `${url}/errors#${code}` };
  }
  if (error instanceof Rejected) {
    const { code, message: title } = error;
    return { exit: EXIT.refused, code, title };
  }
  if (error instanceof UsageFault) {
    const { message: title, hint: more } = error;
    return { exit: EXIT.usage, code: 'usage', title, ...(more === undefined ? {} : { more }) };
  }
  return unreachable(error, url) ?? broken(error);
}

function refusedByExchange({ problem }: ExchangeRefused, url: string): Told {
  const { code, title, detail, status, type } = problem;
  const more = typeof type === 'string' ? type : `${url}/errors#${code}`;
  return { exit: EXIT.refused, code, title, ...given(detail), status, more };
}

function given(detail: string | undefined): { detail?: string } {
  return detail === undefined ? {} : { detail };
}

function unreachable(error: unknown, url: string): Told | undefined {
  if (!isUnreachable(error)) return undefined;
  return {
    exit: EXIT.unreachable,
    code: 'unreachable',
    title: `No exchange answers at ${url}`,
    ...given(causeOf(error)),
    more: 'Start one with "npm start", or name another with --url.',
  };
}

/** Whether `fetch` got no answer at all. */
export function isUnreachable(error: unknown): boolean {
  return (
    error instanceof Error &&
    ((error instanceof TypeError && error.message === 'fetch failed') ||
      error.name === 'TimeoutError')
  );
}

function causeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { cause } = error;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' ? code : error.name === 'TimeoutError' ? 'timeout' : undefined;
}

function broken(error: unknown): Told {
  const title = error instanceof Error ? error.message : String(error);
  return { exit: EXIT.usage, code: 'failed', title };
}

import { type LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import { bounded } from './bounded.js';

/**
 * JSON lines on standard output, one wide line per step: a fixed event name and typed fields.
 *
 * MUST NOT be given tokens, keys, contents or header values: ids, sizes, codes and times only.
 */
export class Log implements LoggerService {
  readonly #pino: Logger;

  constructor(level: string) {
    this.#pino = pino({
      level,
      base: { service: 'sealpost' },
      formatters: { level: asLabel },
      hooks: { streamWrite: escapeInvisible },
    });
  }

  /** The wide line of a step that went as designed, refusals included. */
  step(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#write('info', { event, ...fields });
  }

  /** Something only we can mend. The error's name, code and stack are kept; its payload is not. */
  broken(event: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#write('error', { event, ...fields, error: describe(error) });
  }

  log(message: unknown, ...context: unknown[]): void {
    this.#write('debug', { event: 'nest', context: context.at(-1), msg: message });
  }

  error(message: unknown, ...context: unknown[]): void {
    this.#write('error', { event: 'nest', context: context.at(-1), msg: message });
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.#write('warn', { event: 'nest', context: context.at(-1), msg: message });
  }

  /** MUST NOT throw, whatever it is given: a step does not fail because it cannot be told. */
  #write(level: 'debug' | 'info' | 'warn' | 'error', fields: Record<string, unknown>): void {
    this.#pino[level](bounded(fields));
  }
}

// JSON escapes what is below U+0020. A terminal also obeys C1 controls, and some readers of lines end one
// at U+2028; bidi marks show text as what it is not (CWE-117, CVE-2021-42574).
const INVISIBLE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escapeInvisible(line: string): string {
  return line.replaceAll(
    INVISIBLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function asLabel(label: string): { level: string } {
  return { level: label };
}

/** Looked at before it is cut to what is shown: the patterns below take the square of its length. */
const MAX_MESSAGE_CHARS = 2_000;

// jose's claim errors carry the whole payload and pg's carry row values: only named members pass.
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const code: unknown = Reflect.get(error, 'code');
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redact(error.message.slice(0, MAX_MESSAGE_CHARS)).slice(0, 300),
    // Frames only: the lines of a longer message stand in the stack as well.
    stack: error.stack?.split('\n').filter(isFrame).slice(0, 7).join('\n'),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause) }),
  };
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

/** Takes credentials out of URLs, what looks like a JWT, and values that PostgreSQL repeats out of a message. */
function redact(message: string): string {
  return message
    .replaceAll(/\/\/[^/@\s]+@/g, '//…@')
    .replaceAll(/: ".*"/gs, ': …')
    .replaceAll(/[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*)*/g, '…');
}

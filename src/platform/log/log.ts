import { type LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

/**
 * JSON lines on standard output, one wide line per step: a fixed event name and typed fields.
 *
 * MUST NOT be given tokens, keys, contents or header values: ids, sizes, codes and times only.
 */
export class Log implements LoggerService {
  readonly #pino: Logger;

  constructor(level: string) {
    this.#pino = pino({ level, base: { service: 'sealpost' }, formatters: { level: asLabel } });
  }

  /** The wide line of a step that went as designed, refusals included. */
  step(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#pino.info({ event, ...fields });
  }

  /** Something only we can mend. The error's name, code and stack are kept; its payload is not. */
  broken(event: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#pino.error({ event, ...fields, error: describe(error) });
  }

  log(message: unknown, ...context: unknown[]): void {
    this.#pino.debug({ event: 'nest', context: context.at(-1) }, String(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    this.#pino.error({ event: 'nest', context: context.at(-1) }, String(message));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.#pino.warn({ event: 'nest', context: context.at(-1) }, String(message));
  }
}

function asLabel(label: string): { level: string } {
  return { level: label };
}

// jose's claim errors carry the whole payload and pg's carry row values: only named members pass.
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const code: unknown = Reflect.get(error, 'code');
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redact(error.message).slice(0, 300),
    stack: error.stack?.split('\n').slice(1, 8).join('\n'),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause) }),
  };
}

/** Takes credentials out of URLs and anything that looks like a JWT out of a message. */
function redact(message: string): string {
  return message
    .replaceAll(/\/\/[^/@\s]+@/g, '//…@')
    .replaceAll(/[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*)*/g, '…');
}

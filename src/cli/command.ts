import { UsageFault } from './failures.js';
import type { Desk } from './desk.js';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: true;
  /** How the value is called in the help, e.g. `<file>`. */
  readonly value?: string;
  readonly says: string;
}

export interface Example {
  readonly says: string;
  readonly line: string;
}

/** One sub-command: what it takes, what its help teaches, and what it does. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly says: string;
  /** What follows the name, e.g. `<sender> [type ...]`. */
  readonly takes: string;
  /** What a newcomer has to know, in a few lines. */
  readonly teaches: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly Example[];
  run(line: Line, desk: Desk): Promise<void>;
}

type Value = string | boolean | (string | boolean)[] | undefined;

/** A command line, taken apart. Everything it answers is checked; throws UsageFault. */
export class Line {
  constructor(
    private readonly command: Pick<Command, 'name' | 'takes'>,
    private readonly words: readonly string[],
    private readonly values: Readonly<Record<string, Value>>,
  ) {}

  /** The word at this place, which has to be there. */
  word(at: number, name: string): string {
    const word = this.words[at];
    if (word === undefined) throw this.#usage(`${name} is missing`);
    return word;
  }

  maybeWord(at: number): string | undefined {
    return this.words[at];
  }

  wordsFrom(at: number): readonly string[] {
    return this.words.slice(at);
  }

  /** Refuses words that nobody would read. */
  atMost(count: number): void {
    const surplus = this.words[count];
    if (surplus !== undefined) throw this.#usage(`"${surplus}" is one word too many`);
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  /** Values given by repeating the option, by commas, or both. */
  list(name: string): readonly string[] | undefined {
    const value = this.values[name];
    if (!Array.isArray(value)) return undefined;
    return value
      .flatMap((one) => (typeof one === 'string' ? one.split(',') : []))
      .map((one) => one.trim())
      .filter((one) => one !== '');
  }

  number(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw this.#usage(`--${name} must be a whole number from ${least} to ${most}`);
    return number;
  }

  /** Seconds, written `90`, `90s`, `15m`, `12h` or `7d`. */
  seconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, count, unit = 's'] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
    if (count === undefined) throw this.#usage(`--${name} must be a time like 90s, 15m, 12h or 7d`);
    return Number(count) * (SECONDS_OF[unit === '' ? 's' : unit] ?? 1);
  }

  #usage(message: string): UsageFault {
    const { name, takes } = this.command;
    return new UsageFault(message, `Usage: sealpost ${name} ${takes}   (sealpost ${name} --help)`);
  }
}

const SECONDS_OF: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

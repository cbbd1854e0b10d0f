import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { until } from './until.js';

const DIST = resolve(import.meta.dirname, '../../dist/cli');
const WITHIN_MS = 60_000;

export interface Finished {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A built program as a person runs it: a process with its output, ended by its own pid. */
export class Program {
  #stdout = '';
  #stderr = '';
  readonly #ended: Promise<unknown[]>;

  private constructor(private readonly child: ChildProcess) {
    this.#ended = once(child, 'close');
    child.stdout?.on('data', (text: Buffer) => (this.#stdout += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (this.#stderr += text.toString()));
  }

  /** Starts dist/cli/`name`. Nothing of the environment goes along but PATH and what `env` says. */
  static start(
    name: string,
    words: readonly string[],
    options: { cwd: string; env?: Record<string, string>; stdin?: string },
  ): Program {
    const child = spawn(process.execPath, [resolve(DIST, name), ...words], {
      cwd: options.cwd,
      env: { PATH: process.env['PATH'], NO_COLOR: '1', ...options.env },
      stdio: 'pipe',
    });
    child.stdin.end(options.stdin ?? '');
    return new Program(child);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until it has said this. */
  async says(what: RegExp, withinMs = WITHIN_MS): Promise<void> {
    await until(
      `${String(what)} is said`,
      () => what.test(this.#stdout + this.#stderr) || this.#isOver,
      withinMs,
    );
    if (!what.test(this.#stdout + this.#stderr))
      throw new Error(`It ended without saying ${String(what)}:\n${this.#stdout}${this.#stderr}`);
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }

  /** Waits for its end; cuts it off, and fails, when it does not come. */
  async finish(withinMs = WITHIN_MS): Promise<Finished> {
    const cutOff = setTimeout(() => this.child.kill('SIGKILL'), withinMs);
    await this.#ended;
    clearTimeout(cutOff);
    return { exit: this.child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }

  get #isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

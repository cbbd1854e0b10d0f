import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program of this folder in a process of its own, that answers one message with one message. */
export class Child {
  readonly #process: ChildProcess;

  constructor(program: string) {
    this.#process = fork(fileURLToPath(new URL(program, import.meta.url)), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** One question at a time. */
  ask<Answer>(message: object): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const early = (): void => reject(new Error('a process of the benchmark ended early'));
      this.#process.once('exit', early);
      this.#process.once('message', (answer) => {
        this.#process.off('exit', early);
        resolve(answer as Answer);
      });
      this.#process.send(message);
    });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await exited;
  }
}

/** For the program inside the child: answers each message with what `handle` resolves to. */
export function answering(handle: (message: never) => Promise<object>): void {
  process.on('message', (message) => {
    handle(message as never).then(
      (answer) => process.send?.(answer),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  });
}

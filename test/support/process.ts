import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { freePort } from './services.js';
import { until } from './until.js';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
const START_MS = 25_000;

export interface Exit {
  readonly code: number | null;
  readonly tookMs: number;
}

export interface RunOptions {
  /** Who runs it; needs root. */
  readonly uid?: number;
}

/** The exchange as it runs in production: a process of its own, ended by signals alone. */
export class ExchangeProcess {
  stdout = '';
  stderr = '';
  readonly #exited: Promise<number | null>;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    /** Where it says how it is. */
    readonly opsUrl: string,
  ) {
    child.stdout?.on('data', (text: Buffer) => (this.stdout += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.#exited = once(child, 'exit').then(([code]) => code as number | null);
  }

  /** Starts it and does not wait for anything. */
  static async spawn(
    env: Readonly<Record<string, string>>,
    { uid }: RunOptions = {},
  ): Promise<ExchangeProcess> {
    const port = env['PORT'] === undefined || env['PORT'] === '0' ? await freePort() : env['PORT'];
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'error', ...env, PORT: String(port) },
      // A group of its own, as a shell gives it: Ctrl-C goes to all of it.
      detached: true,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const opsPort = env['OPS_PORT'] ?? port;
    return new ExchangeProcess(child, `http://127.0.0.1:${port}`, `http://127.0.0.1:${opsPort}`);
  }

  /** Starts it and waits until it is ready. */
  static async start(
    env: Readonly<Record<string, string>>,
    options: RunOptions = {},
  ): Promise<ExchangeProcess> {
    const exchange = await ExchangeProcess.spawn(env, options);
    await until(
      'the exchange is ready',
      async () => {
        if (exchange.child.exitCode !== null) throw new Error(`it ended: ${exchange.stderr}`);
        return exchange.isReady();
      },
      START_MS,
    );
    return exchange;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async isReady(): Promise<boolean> {
    return fetch(new URL('/health/ready', this.opsUrl))
      .then(async (answer) => answer.ok && (await answer.text()) !== '')
      .catch(() => false);
  }

  /** Resolves when it has ended by itself. */
  async exit(): Promise<Exit> {
    const began = performance.now();
    return { code: await this.#exited, tookMs: performance.now() - began };
  }

  /** Signals its whole group, as a terminal does, and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    if (this.child.exitCode === null && this.child.signalCode === null)
      process.kill(-this.pid, signal);
    return this.exit();
  }

  /** Dies at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exited;
  }
}

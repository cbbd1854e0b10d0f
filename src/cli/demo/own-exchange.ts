import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Exchange, Identity, Session } from '../../client/index.js';
import { OPERATOR_ID } from '../../envelope/index.js';
import { environment } from '../environment.js';
import { readPrivateJwk } from '../files.js';
import { eventually } from './eventually.js';

const PROGRAM = fileURLToPath(new URL('../../main.js', import.meta.url));
const START_WITHIN_MS = 60_000;
/** The exchange ends by itself within 4.5 s; what still runs after this is cut off. */
const STOP_WITHIN_MS = 8_000;
/** Where programs are found and temporary files go: nothing else of the person's own settings. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'LANG', 'TZ', 'USER', 'SystemRoot'];

/** An exchange of the demo's own: a process on the embedded default in a fresh folder, gone afterwards. */
export class OwnExchange {
  #stopped: Promise<void> | undefined;
  #said = '';

  private constructor(
    readonly url: string,
    private readonly dataDir: string,
    private readonly child: ChildProcess,
  ) {
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = `${this.#said}${text.toString()}`.slice(-2_000);
    });
  }

  /** Starts one; `onMade` gets it before it answers, so that it can be stopped in any case. */
  static async start(onMade: (exchange: OwnExchange) => void): Promise<OwnExchange> {
    const dataDir = await mkdtemp(join(tmpdir(), 'sealpost-demo-'));
    const port = await freePort();
    const passedOn = PASSED_ON.map((name) => [name, environment[name]]);
    const child = spawn(process.execPath, [PROGRAM], {
      // A group of its own: Ctrl-C reaches it through the demo, once, and not from the terminal as well.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...Object.fromEntries(passedOn.filter(([, value]) => value !== undefined)),
        PORT: String(port),
        DATA_DIR: dataDir,
        LOG_LEVEL: 'warn',
      },
    });
    const exchange = new OwnExchange(`http://localhost:${port}`, dataDir, child);
    onMade(exchange);
    await exchange.#answers();
    return exchange;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Whoever runs an exchange, with the key that its first start made. */
  async operator(): Promise<Session> {
    const jwk = await readPrivateJwk(join(this.dataDir, 'operator.jwk'));
    return new Session(await Identity.of(OPERATOR_ID, [jwk]), new Exchange(this.url));
  }

  /** Ends the process and removes its folder. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #answers(): Promise<void> {
    await eventually('the exchange answers', START_WITHIN_MS, async () => {
      if (this.#isOver) throw new Error(`The exchange did not start. ${this.#said.trim()}`);
      const response = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      return response?.ok === true;
    });
  }

  get #isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async #stop(): Promise<void> {
    if (!this.#isOver) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      const cutOff = setTimeout(() => this.child.kill('SIGKILL'), STOP_WITHIN_MS);
      this.child.kill('SIGTERM');
      await ended;
      clearTimeout(cutOff);
    }
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

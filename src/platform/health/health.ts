import { Injectable } from '@nestjs/common';
import { Log } from '../log/index.js';

type Check = () => Promise<void>;

/** What must be usable for this process to be ready. Each part adds its own check. */
@Injectable()
export class Health {
  readonly #checks = new Map<string, Check>();

  constructor(private readonly log: Log) {}

  /** `check` throws when the part cannot be used. */
  add(part: string, check: Check): void {
    this.#checks.set(part, check);
  }

  /** `ok` or `unusable` by part; why is in the log, not in the answer. */
  async report(): Promise<Record<string, 'ok' | 'unusable'>> {
    const parts = await Promise.all(
      [...this.#checks].map(async ([part, check]) => [part, await this.#run(part, check)] as const),
    );
    return Object.fromEntries(parts);
  }

  async #run(part: string, check: Check): Promise<'ok' | 'unusable'> {
    try {
      await check();
      return 'ok';
    } catch (error) {
      this.log.broken('health.unusable', error, { part });
      return 'unusable';
    }
  }
}

import { Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';

/** Tells whoever waits (long polls, sweeps, pushes) that the process is going down. */
@Injectable()
export class Stopping implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly #controller = new AbortController();

  /** Aborted once, when shutdown begins; never before. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  onModuleDestroy(): void {
    this.#controller.abort();
  }

  beforeApplicationShutdown(): void {
    this.#controller.abort();
  }
}

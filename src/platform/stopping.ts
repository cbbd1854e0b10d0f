import { Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';

/** Tells whoever waits (long polls, sweeps, pushes) that the process is going down. */
@Injectable()
export class Stopping implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly #controller = new AbortController();

  /** Aborted once, when shutdown begins; never before. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Tells them at once; Nest takes the modules down one after the other, in an order of its own. */
  begin(): void {
    this.#controller.abort();
  }

  onModuleDestroy(): void {
    this.begin();
  }

  beforeApplicationShutdown(): void {
    this.begin();
  }
}

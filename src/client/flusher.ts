/** Collects what is to be sent and sends it, many at a time, while more comes in. */
export class Flusher<Item> {
  #waiting: Item[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly most: number,
    /** MUST NOT reject: what cannot be sent is its own affair. */
    private readonly post: (items: readonly Item[]) => Promise<void>,
  ) {}

  add(...items: readonly Item[]): void {
    this.#waiting.push(...items);
    if (items.length > 0) this.#flushing ??= this.#flush();
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
  }

  async #flush(): Promise<void> {
    // What is added in the same turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.post(this.#waiting.splice(0, this.most));
    this.#flushing = undefined;
  }
}

import { Client } from 'pg';
import type { Log } from '../log/index.js';

export type Channel = 'outbox' | 'inbox' | 'keys';
const CHANNELS: readonly Channel[] = ['outbox', 'inbox', 'keys'];
const RECONNECT_MS = 500;

type Listener = (payload: string) => void;

/**
 * The one LISTEN connection of a process. A wake-up makes things fast, never right: it may be lost, so
 * every listener has a sweep behind it, and all are called once after each reconnection.
 */
export class Wakeups {
  readonly #listeners = new Map<Channel, Set<Listener>>(
    CHANNELS.map((channel) => [channel, new Set()]),
  );
  #client: Client | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connectionString: string,
    private readonly log: Log,
  ) {}

  /** Resolves when the first connection listens. */
  async open(): Promise<void> {
    await this.#connect();
  }

  /** Calls `listener` with each payload until the returned function is called. */
  on(channel: Channel, listener: Listener): () => void {
    const set = this.#listeners.get(channel);
    set?.add(listener);
    return () => set?.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new Client({
      connectionString: this.connectionString,
      keepAlive: true,
      application_name: 'sealpost wake-ups',
    });
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel as Channel) ?? []) listener(payload ?? '');
    });
    client.on('error', () => client.end().catch(() => undefined));
    client.on('end', () => this.#reconnect());
    await client.connect();
    await client.query(CHANNELS.map((channel) => `listen ${channel}`).join('; '));
    this.#client = client;
  }

  #reconnect(): void {
    this.#client = undefined;
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#closed) return;
      this.#connect().then(
        () => this.#wakeAll(),
        (error: unknown) => {
          this.log.broken('wakeups.lost', error);
          this.#reconnect();
        },
      );
    }, RECONNECT_MS);
  }

  #wakeAll(): void {
    for (const set of this.#listeners.values()) for (const listener of set) listener('');
  }
}

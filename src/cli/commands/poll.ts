import { ExchangeRefused, refusalOf } from '../../client/index.js';
import type { Command } from '../command.js';
import type { Receiving } from '../content.js';
import type { Desk } from '../desk.js';
import { persist } from '../persist.js';
import { printReceived, printTurnedAway } from '../received.js';

const MAX_EVENTS = 100;
const MAX_COUNT = 1_000_000_000;

export const poll: Command = {
  name: 'poll',
  says: 'Collects what waits in your inbox, and follows',
  takes: '',
  teaches: `Each envelope's signature is verified here with its sender's keys, opened if it
is sealed to you, printed, and acknowledged with
the next poll; one that does not hold is declined. Ends with Ctrl-C, with --once when nothing more
waits, with --count after so many.`,
  options: {
    once: { type: 'boolean', says: 'Only what waits now' },
    count: { type: 'string', short: 'n', value: '<n>', says: 'Ends after so many' },
    max: { type: 'string', value: '<n>', says: `Most at a time, up to ${MAX_EVENTS}. Default 20` },
    'no-ack': {
      type: 'boolean',
      says: 'Looks only: they come again when their lease is over',
    },
  },
  examples: [
    { says: 'Follow', line: 'sealpost poll' },
    { says: 'What waits, into a program', line: `sealpost poll --once --json | jq .claims.data` },
    { says: 'Wait for one', line: 'sealpost poll --count 1' },
  ],
  async run(line, desk) {
    line.atMost(0);
    const most = {
      inAll: line.number('count', 1, MAX_COUNT) ?? Infinity,
      atOnce: line.number('max', 1, MAX_EVENTS) ?? 20,
    };
    const receiving = await desk.receiver();
    const inbox = new Inbox(receiving, desk);
    if (line.flag('no-ack')) {
      await inbox.collect(Math.min(most.atOnce, most.inAll), true);
    } else {
      const once = line.flag('once');
      if (!once)
        desk.out.note(`Waiting for envelopes to ${receiving.session.identity.id}; Ctrl-C ends`);
      await collectAll(inbox, most, once, desk.stop);
    }
    if (line.flag('once') && inbox.taken === 0) desk.out.note('Nothing waits.');
  },
};

async function collectAll(
  inbox: Inbox,
  most: { readonly inAll: number; readonly atOnce: number },
  once: boolean,
  stop: AbortSignal,
): Promise<void> {
  try {
    let isThereMore = true;
    while (isThereMore && inbox.taken < most.inAll && !stop.aborted) {
      const found = await inbox.collect(Math.min(most.atOnce, most.inAll - inbox.taken), once);
      isThereMore = found || !once;
    }
  } finally {
    await inbox.acknowledge();
  }
}

type Errors = Record<string, { err: string; description: string }>;

/** Collects, verifies, prints; what was printed is acknowledged with the next poll. */
class Inbox {
  taken = 0;
  #ack: string[] = [];
  #setErrs: Errors = {};

  constructor(
    private readonly receiving: Receiving,
    private readonly desk: Desk,
  ) {}

  /** One poll; answers whether another would find something at once. */
  async collect(maxEvents: number, returnImmediately: boolean): Promise<boolean> {
    const { stop, out } = this.desk;
    const polled = await persist(
      {
        tries: returnImmediately ? 1 : Infinity,
        stop,
        onWait: (waitMs) => out.note(`No answer; once more within ${waitMs / 1000} s`),
      },
      () =>
        this.receiving.session.poll({
          maxEvents,
          returnImmediately,
          ack: this.#ack,
          setErrs: this.#setErrs,
          signal: stop,
        }),
    ).catch((error: unknown) => {
      // Ctrl-C while nothing came is how following ends.
      if (stop.aborted) return undefined;
      throw error;
    });
    if (polled === undefined) return false;
    [this.#ack, this.#setErrs] = [[], {}];
    for (const [id, envelope] of Object.entries(polled.sets)) await this.#take(id, envelope);
    return polled.moreAvailable === true;
  }

  async acknowledge(): Promise<void> {
    if (this.#ack.length === 0 && Object.keys(this.#setErrs).length === 0) return;
    await this.receiving.session.poll({
      maxEvents: 0,
      returnImmediately: true,
      ack: this.#ack,
      setErrs: this.#setErrs,
    });
    [this.#ack, this.#setErrs] = [[], {}];
  }

  async #take(deliveryId: string, envelope: string): Promise<void> {
    this.taken++;
    try {
      const { peers, content } = this.receiving;
      const claims = await peers.verify(envelope);
      const opened = await content.of(envelope, claims);
      printReceived(this.desk.out, { deliveryId, envelope, claims, opened });
      this.#ack.push(deliveryId);
    } catch (error) {
      // Its sender's keys are not shown any more: the exchange decides what becomes of it.
      if (error instanceof ExchangeRefused) return;
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const { code, detail, err, description } = refusal;
      printTurnedAway(this.desk.out, {
        deliveryId,
        code,
        ...(detail === undefined ? {} : { detail }),
      });
      this.#setErrs[deliveryId] = { err, description };
    }
  }
}

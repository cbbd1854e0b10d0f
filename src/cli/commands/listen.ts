import type { Session } from '../../client/index.js';
import type { Command, Line } from '../command.js';
import type { Desk } from '../desk.js';
import { printReceived, printTurnedAway } from '../received.js';
import { Webhook } from '../webhook.js';

const MAX_PORT = 65_535;
const MAX_COUNT = 1_000_000_000;

export const listen: Command = {
  name: 'listen',
  says: 'Runs a webhook: verifies and prints what is pushed to it',
  takes: '',
  teaches: `Answers the exchange's ownership challenge, verifies each envelope's signature with its sender's keys,
opens it if it is sealed to you, and answers 202; one that does not hold gets 400. With --add the endpoint is added for as long as this
runs. An envelope may come twice: webhook-id is the same then.`,
  options: {
    port: { type: 'string', value: '<port>', says: 'Default a free one' },
    host: { type: 'string', value: '<host>', says: 'Default 127.0.0.1' },
    add: { type: 'boolean', says: 'Adds the endpoint, and removes it at the end' },
    as: {
      type: 'string',
      value: '<url>',
      says: 'With --add: the URL by which the exchange reaches it',
    },
    types: { type: 'string', multiple: true, value: '<type,…>', says: 'With --add: only these' },
    count: { type: 'string', short: 'n', value: '<n>', says: 'Ends after so many' },
  },
  examples: [
    { says: 'At the exchange on this machine', line: 'sealpost listen --add' },
    { says: 'Only invoices', line: 'sealpost listen --add --types "invoice.*"' },
    {
      says: 'Behind a tunnel',
      line: 'sealpost listen --port 8080 --add --as https://hooks.bob.example/in',
    },
    {
      says: 'For an endpoint added before',
      line: 'sealpost listen --port 8080 --json >> received.ndjson',
    },
  ],
  async run(line, desk) {
    line.atMost(0);
    const receiving = await desk.receiver();
    const { session } = receiving;
    // Before anything listens: an exchange that does not answer is said at once.
    await session.token();
    const done = new Countdown(line.number('count', 1, MAX_COUNT) ?? Infinity, desk.stop);
    const webhook = await Webhook.start(
      receiving,
      {
        received: (received) => {
          printReceived(desk.out, received);
          done.countOne();
        },
        turnedAway: (turnedAway) => printTurnedAway(desk.out, turnedAway),
        owned: () => desk.out.note('The exchange asked whose this is, and knows now'),
      },
      { host: line.text('host') ?? '127.0.0.1', port: line.number('port', 0, MAX_PORT) ?? 0 },
    );
    try {
      desk.out.note(`Listening at ${webhook.url}; Ctrl-C ends`);
      await whileAdded(line, desk, session, webhook.url, () => done.over);
    } finally {
      await webhook.stop();
    }
  },
};

async function whileAdded(
  line: Line,
  desk: Desk,
  session: Session,
  listensAt: string,
  over: () => Promise<void>,
): Promise<void> {
  if (!line.flag('add')) return over();
  const types = line.list('types');
  const { id, url } = await session.call<{ id: string; url: string }>('POST', '/v1/endpoints', {
    json: { url: line.text('as') ?? listensAt, ...(types === undefined ? {} : { types }) },
  });
  desk.out.note(`Endpoint ${id} added for ${url}`);
  try {
    await over();
  } finally {
    await session.call('DELETE', `/v1/endpoints/${id}`);
    desk.out.note('Endpoint removed; what still waits for it is in the inbox');
  }
}

/** Over after so many envelopes, or with Ctrl-C. */
class Countdown {
  readonly over: Promise<void>;
  #end: () => void = () => undefined;

  constructor(
    private left: number,
    stop: AbortSignal,
  ) {
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    stop.addEventListener('abort', () => this.#end());
  }

  countOne(): void {
    this.left--;
    if (this.left <= 0) this.#end();
  }
}

import {
  Directory,
  Exchange,
  ExchangeRefused,
  Identity,
  type PrivateJwk,
  Session,
} from '../../client/index.js';
import { receivingOf } from '../content.js';
import type { Received } from '../received.js';
import { Webhook } from '../webhook.js';
import { eventually } from './eventually.js';

const WITHIN_MS = 15_000;

/** A partner in the demo: its own key, and nothing but the public HTTP API. */
export interface Player {
  readonly id: string;
  readonly alg: string;
  readonly key: PrivateJwk;
  readonly session: Session;
}

export async function makePlayer(
  id: string,
  url: string,
  alg: 'Ed25519' | 'ES256',
): Promise<Player> {
  const { privateJwk: key } = await Identity.generateKey('sig', alg);
  return { id, alg, key, session: new Session(await Identity.of(id, [key]), new Exchange(url)) };
}

/** What the exchange says to an envelope that must not pass, such as `401 signature_invalid`. */
export async function refusalOf(sending: Promise<unknown>): Promise<string> {
  try {
    await sending;
  } catch (error) {
    if (error instanceof ExchangeRefused) return `${error.problem.status} ${error.code}`;
    throw error;
  }
  throw new Error('The exchange took an envelope that it must refuse');
}

/** A webhook that remembers what came. */
export class Mailbox {
  readonly #received: Received[] = [];
  #webhook: Webhook | undefined;

  constructor(private readonly owner: Player) {}

  /** Listens, adds the endpoint and waits until the exchange has seen that it is the owner's. */
  async open(types: readonly string[]): Promise<string> {
    const { session } = this.owner;
    this.#webhook = await Webhook.start(
      receivingOf(new Directory(session)),
      {
        received: (received) => this.#received.push(received),
        turnedAway: () => undefined,
      },
      { host: '127.0.0.1', port: 0 },
    );
    const { url } = this.#webhook;
    const { id } = await session.call<{ id: string }>('POST', '/v1/endpoints', {
      json: { url, types },
    });
    await eventually('the endpoint is verified', WITHIN_MS, async () => {
      const { status } = await session.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
      return status === 'active';
    });
    return url;
  }

  /** The envelope with these bytes, once it came. */
  has(envelope: string): Promise<Received> {
    return eventually('the envelope comes by webhook', WITHIN_MS, async () =>
      this.#received.find((one) => one.envelope === envelope),
    );
  }

  async close(): Promise<void> {
    await this.#webhook?.stop();
  }
}

interface Delivery {
  readonly state: string;
  readonly attempts: readonly unknown[];
}

export async function deliveriesOf(session: Session, id: string): Promise<readonly Delivery[]> {
  const timeline = await session.call<{ deliveries: Delivery[] }>('GET', `/v1/envelopes/${id}`);
  return timeline.deliveries;
}

/** The envelope's delivery, once it is in this state. */
export function reaches(session: Session, id: string, state: string): Promise<Delivery> {
  return eventually(`the envelope is ${state}`, WITHIN_MS, async () =>
    (await deliveriesOf(session, id)).find((one) => one.state === state),
  );
}

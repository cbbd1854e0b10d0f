import {
  Exchange,
  ExchangeRefused,
  Identity,
  type PrivateJwk,
  Session,
} from '../../src/client/index.js';
import type { SignAlg } from '../../src/crypto/index.js';
import type { Receiver } from './receiver.js';
import { until } from './until.js';

/** What came of a call: tests look at status and code. */
export interface Outcome {
  readonly status: number;
  readonly code?: string;
  readonly [member: string]: unknown;
}

export interface DeliveryView {
  readonly id: string;
  readonly method: string;
  readonly state: string;
  readonly reason?: string;
  readonly nextAttemptAt?: string;
  readonly attempts: readonly {
    number: number;
    outcome?: string;
    reason?: string;
    status?: number;
  }[];
}

/** A partner as an actor in a test: its keys, and what it does through the front door. */
export class Partner extends Session {
  private constructor(
    identity: Identity,
    exchange: Exchange,
    readonly keys: readonly PrivateJwk[],
  ) {
    super(identity, exchange);
  }

  static async make(
    id: string,
    url: string,
    options: { alg?: SignAlg; keys?: readonly PrivateJwk[] } = {},
  ): Promise<Partner> {
    const keys = options.keys ?? [
      (await Identity.generateKey('sig', options.alg ?? 'Ed25519')).privateJwk,
      (await Identity.generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' })).privateJwk,
    ];
    return new Partner(await Identity.of(id, keys), new Exchange(url), keys);
  }

  get id(): string {
    return this.identity.id;
  }

  /** The same partner at another process of the exchange. */
  at(url: string): Promise<Partner> {
    return Partner.make(this.id, url, { keys: this.keys });
  }

  /** A call that answers its refusal instead of throwing it. */
  async try(call: Promise<unknown>): Promise<Outcome> {
    try {
      const answer = await call;
      return { status: 200, ...(typeof answer === 'object' && answer !== null ? answer : {}) };
    } catch (error) {
      if (error instanceof ExchangeRefused) return error.problem;
      throw error;
    }
  }

  async allow(
    sender: Partner,
    types: readonly string[] = ['*'],
    sealedOnly = false,
  ): Promise<void> {
    await this.call('PUT', `/v1/grants/${sender.id}`, { json: { types, sealedOnly } });
  }

  /** Sends to `to` and answers what came of it. */
  async sends(
    to: Partner,
    draft: { type?: string; data?: unknown; jti?: string; lifetimeSeconds?: number } = {},
  ): Promise<Outcome> {
    return this.try(this.send({ to: to.id, type: 'invoice.created', data: { n: 1 }, ...draft }));
  }

  /** Sets up an endpoint at the receiver and waits until the exchange has verified its ownership. */
  async listens(
    receiver: Receiver,
    options: { types?: string[]; senders?: string[] } = {},
  ): Promise<string> {
    const { id } = await this.call<{ id: string }>('POST', '/v1/endpoints', {
      json: { url: receiver.url, ...options },
    });
    await until('the endpoint is verified', async () => {
      const { status } = await this.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
      return status === 'active';
    });
    return id;
  }

  async deliveries(envelopeId: string): Promise<readonly DeliveryView[]> {
    const { deliveries } = await this.call<{ deliveries: DeliveryView[] }>(
      'GET',
      `/v1/envelopes/${envelopeId}`,
    );
    return deliveries;
  }

  /** The envelope's first delivery, once it is in this state. */
  reaches(envelopeId: unknown, state: string, withinMs?: number): Promise<DeliveryView> {
    return until(
      `${String(envelopeId)} is ${state}`,
      async () => (await this.deliveries(String(envelopeId))).find((one) => one.state === state),
      withinMs,
    );
  }

  async receipts(
    envelopeId: unknown,
  ): Promise<readonly { state: string; receipt: string; deliveryId?: string; issuer: string }[]> {
    const { items } = await this.call<{
      items: { state: string; receipt: string; deliveryId?: string; issuer: string }[];
    }>('GET', `/v1/envelopes/${String(envelopeId)}/receipts`);
    return items;
  }
}

import { type Call, Exchange } from './exchange.js';
import type { EnvelopeDraft, Identity } from './identity.js';

/** The answer to one accepted envelope. */
export interface Accepted {
  readonly id: string;
  readonly iss: string;
  readonly jti: string;
  readonly state: 'accepted';
  /** The exchange's signed receipt. */
  readonly receipt: string;
}

export interface PollOptions {
  readonly maxEvents?: number;
  readonly returnImmediately?: boolean;
  readonly ack?: readonly string[];
  readonly setErrs?: Readonly<Record<string, { err: string; description?: string }>>;
  readonly signal?: AbortSignal;
}

export interface Polled {
  /** Envelopes by delivery id. */
  readonly sets: Readonly<Record<string, string>>;
  readonly moreAvailable?: boolean;
}

const RENEW_BEFORE_MS = 30_000;

/** One identity at one exchange: keeps an access token and renews it by itself. */
export class Session {
  #token: { readonly text: string; readonly until: number } | undefined;

  constructor(
    readonly identity: Identity,
    readonly exchange: Exchange,
  ) {}

  /** A good access token, by `private_key_jwt`. */
  async token(): Promise<string> {
    if (this.#token !== undefined && this.#token.until > Date.now()) return this.#token.text;
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await this.identity.assertion(await this.exchange.issuer()),
    });
    const { access_token: text, expires_in: seconds } = await this.exchange.call<{
      access_token: string;
      expires_in: number;
    }>('POST', '/oauth/token', {
      body: { type: 'application/x-www-form-urlencoded', text: form.toString() },
    });
    this.#token = { text, until: Date.now() + seconds * 1000 - RENEW_BEFORE_MS };
    return text;
  }

  /** A call with this identity's token. */
  async call<Answer>(
    method: string,
    path: string,
    call: Omit<Call, 'token'> = {},
  ): Promise<Answer> {
    return this.exchange.call<Answer>(method, path, { ...call, token: await this.token() });
  }

  /** Registers the identity; `pending` until the operator approves, unless there is an invite. */
  async register(profile: { name: string; contact: string; invite?: string }): Promise<{
    readonly id: string;
    readonly status: 'pending' | 'active';
  }> {
    const json = await this.identity.registration(profile, await this.exchange.issuer());
    return this.exchange.call('POST', '/v1/partners', { json });
  }

  /** Signs one envelope for this exchange. */
  async sign(draft: Omit<EnvelopeDraft, 'via'>): Promise<string> {
    return this.identity.envelope({ ...draft, via: await this.exchange.issuer() });
  }

  /** Sends a signed envelope. Sending the same bytes again is safe: the answer is the same. */
  deliver(envelope: string): Promise<Accepted> {
    return this.exchange.call('POST', '/v1/envelopes', {
      body: { type: 'application/jwt', text: envelope },
    });
  }

  /** Signs and sends. */
  async send(draft: Omit<EnvelopeDraft, 'via'>): Promise<Accepted> {
    return this.deliver(await this.sign(draft));
  }

  /** One poll of the inbox (RFC 8936). */
  poll({ signal, ...json }: PollOptions = {}): Promise<Polled> {
    return this.call('POST', '/v1/inbox/poll', {
      json,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

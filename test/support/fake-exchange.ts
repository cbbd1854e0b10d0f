import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Exchange, Identity, type PrivateJwk, Session } from '../../src/client/index.js';
import { type SealAlg, type SignAlg, sha256Base64url } from '../../src/crypto/index.js';
import { TYP } from '../../src/envelope/index.js';
import { claimsOf } from './receiver.js';

/** A key as a directory lists it. */
export type ListedKey = Readonly<Record<string, unknown>>;

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
}

/** A partner of a fake exchange: its keys are its own, whatever the exchange says of them. */
export interface FakePartner {
  readonly id: string;
  readonly identity: Identity;
  readonly session: Session;
  readonly keys: readonly PrivateJwk[];
}

export interface KeyChoice {
  readonly sig?: SignAlg;
  readonly enc?: SealAlg;
  readonly crv?: 'P-256' | 'X25519';
  readonly sigKid?: string;
  readonly encKid?: string;
}

export const FAKE_ISSUER = 'https://exchange.test';

/**
 * An exchange without a conscience: speaks the API as far as clients use it, checks nothing, and lists,
 * delivers and answers whatever a test tells it to.
 */
export class FakeExchange {
  /** What it lists of whom. */
  readonly directory = new Map<string, ListedKey[]>();
  /** Envelopes that it was given, in order. */
  readonly taken: string[] = [];
  /** What the next polls find. */
  readonly inbox: string[] = [];
  readonly acknowledged: string[] = [];
  readonly declined: Record<string, { err: string; description?: string }>[] = [];
  readonly receipts: string[] = [];
  /** Bodies of every POST of envelopes, those that failed too. */
  readonly posted: string[] = [];
  /** Answers instead of taking an envelope; undefined takes it. */
  instead: (envelope: string) => FakeAnswer | 'reset' | undefined = () => undefined;
  /** Answers instead of taking a recipient's receipt; undefined takes it. */
  receiptInstead: (receipt: string) => { status: number; code: string } | undefined = () =>
    undefined;
  receiptOf: (envelope: string) => Promise<string> = (envelope) => this.sign(envelope);
  #deliveries = 0;

  private constructor(
    private readonly server: Server,
    readonly identity: Identity,
  ) {}

  static async start(): Promise<FakeExchange> {
    const server = createServer();
    const { privateJwk } = await Identity.generateKey('sig', 'ES256');
    const fake = new FakeExchange(server, await Identity.of('sealpost', [privateJwk]));
    server.on('request', (request, response) => void fake.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** As a restart looks from outside. */
  dropConnections(): void {
    this.server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** A partner with keys of its own, which the exchange lists as they are. */
  async partner(id: string, choice: KeyChoice = {}): Promise<FakePartner> {
    const { sig = 'Ed25519', enc = 'ECDH-ES+A256KW', crv = 'X25519', sigKid, encKid } = choice;
    const keys = [
      await Identity.generateKey('sig', sig, sigKid === undefined ? {} : { kid: sigKid }),
      await Identity.generateKey('enc', enc, {
        ...(enc === 'RSA-OAEP-256' ? {} : { crv }),
        ...(encKid === undefined ? {} : { kid: encKid }),
      }),
    ].map((key) => key.privateJwk);
    const identity = await Identity.of(id, keys);
    this.directory.set(id, await this.listing(identity));
    return { id, identity, keys, session: this.session(identity) };
  }

  session(identity: Identity): Session {
    return new Session(identity, new Exchange(this.url));
  }

  /** What an honest exchange lists of an identity. */
  async listing(identity: Identity): Promise<ListedKey[]> {
    const { jwks, statements } = await identity.registration(
      { name: 'x', contact: 'x' },
      FAKE_ISSUER,
    );
    const statementOf = (kid: string) =>
      statements.find((statement) => claimsOf(statement)['kid'] === kid);
    return jwks.keys.map((jwk) => ({
      ...jwk,
      status: 'active',
      ...(jwk.use === 'enc' ? { statement: statementOf(jwk.kid) } : {}),
    }));
  }

  /** Signs the receipt of an acceptance. */
  async sign(envelope: string, changed: Record<string, unknown> = {}): Promise<string> {
    const { iss, aud, jti } = claimsOf(envelope);
    return this.identity.sign(TYP.receipt, {
      iss: FAKE_ISSUER,
      aud: iss,
      via: FAKE_ISSUER,
      jti: `receipt-${String(jti)}`,
      iat: Math.floor(Date.now() / 1000),
      state: 'accepted',
      envelope: { iss, jti, sha256: await sha256Base64url(envelope), jkt: 'x' },
      recipient: aud,
      ...changed,
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const answer = await this.#answer(`${request.method} ${request.url}`, body, request);
    if (answer === 'reset') return request.socket.resetAndDestroy() as unknown as void;
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.json === undefined ? '' : JSON.stringify(answer.json));
  }

  async #answer(
    route: string,
    body: string,
    request: IncomingMessage,
  ): Promise<FakeAnswer | 'reset'> {
    const [, partner] = /^GET \/v1\/partners\/([^/]+)\/jwks\.json$/.exec(route) ?? [];
    if (partner !== undefined) return this.#list(partner);
    switch (route) {
      case 'GET /.well-known/sealpost':
        return ok({ issuer: FAKE_ISSUER });
      case 'GET /.well-known/jwks.json':
        return ok(this.identity.jwks);
      case 'POST /oauth/token':
        return ok({ access_token: 'token', expires_in: 600 });
      case 'POST /v1/envelopes':
        return this.#take(body, request.headers['content-type']);
      case 'POST /v1/inbox/poll':
        return this.#poll(body, request);
      case 'POST /v1/receipts':
        return ok({
          results: (JSON.parse(body) as { receipts: string[] }).receipts.map(this.#note),
        });
      default:
        return { status: 404, json: { code: 'not_found', title: 'no', status: 404 } };
    }
  }

  readonly #note = (receipt: string): { status: number; code?: string } => {
    const refused = this.receiptInstead(receipt);
    if (refused === undefined) this.receipts.push(receipt);
    return refused ?? { status: 201 };
  };

  #list(partner: string): FakeAnswer {
    const keys = this.directory.get(partner);
    if (keys === undefined) return { status: 404, json: { code: 'not_found' } };
    return ok({ keys });
  }

  async #take(body: string, type: string | undefined): Promise<FakeAnswer | 'reset'> {
    this.posted.push(body);
    if (type === 'application/jwt') return this.#takeOne(body);
    const { envelopes } = JSON.parse(body) as { envelopes: string[] };
    const answers = await Promise.all(envelopes.map((one) => this.#takeOne(one)));
    if (answers.includes('reset')) return 'reset';
    const results = answers.map((answer) =>
      answer === 'reset' ? {} : { status: answer.status, ...(answer.json as object) },
    );
    return ok({ results });
  }

  async #takeOne(envelope: string): Promise<FakeAnswer | 'reset'> {
    const instead = this.instead(envelope);
    if (instead !== undefined) return instead;
    this.taken.push(envelope);
    const { iss, jti } = claimsOf(envelope);
    const receipt = await this.receiptOf(envelope);
    return { status: 202, json: { id: `id-${String(jti)}`, iss, jti, state: 'accepted', receipt } };
  }

  async #poll(body: string, request: IncomingMessage): Promise<FakeAnswer> {
    const {
      ack = [],
      setErrs = {},
      maxEvents,
      returnImmediately,
    } = JSON.parse(body) as {
      ack?: string[];
      setErrs?: Record<string, { err: string }>;
      maxEvents?: number;
      returnImmediately?: boolean;
    };
    this.acknowledged.push(...ack);
    if (Object.keys(setErrs).length > 0) this.declined.push(setErrs);
    if (this.inbox.length === 0 && returnImmediately !== true)
      await new Promise((resolve) => setTimeout(resolve, 20));
    // What nobody would get stays.
    const most = request.socket.destroyed ? 0 : maxEvents;
    const found = this.inbox.splice(0, most ?? 100);
    const sets = found.map((envelope) => [`d${++this.#deliveries}`, envelope] as const);
    return ok({ sets: Object.fromEntries(sets) });
  }
}

function ok(json: unknown): FakeAnswer {
  return { status: 200, json };
}

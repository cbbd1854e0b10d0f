import { type CanActivate, type ExecutionContext, Injectable, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, type PublicJwk, type SignAlg, SigningKey } from '../../src/crypto/index.js';
import { Egress } from '../../src/egress/index.js';
import {
  isKeyId,
  type KeyId,
  partnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../../src/envelope/index.js';
import { PartnersModule } from '../../src/partners/index.js';
import {
  ACCESS,
  type Access,
  type Caller,
  Clock,
  configureHttp,
  Database,
  Log,
  makeAdapter,
  Metrics,
  readSettings,
  setCaller,
  Settings,
  Stopping,
} from '../../src/platform/index.js';
import { startEmbeddedPostgres } from '../../src/platform/database/embedded-postgres.js';

export const ISSUER = 'https://exchange.example';
const START = new Date('2030-01-01T00:00:00Z');

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Who calls is what the header says: access itself has specs of its own. */
@Injectable()
class GuardByHeader implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const access = this.reflector.getAllAndOverride<Access>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access.open === true) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller: Caller = JSON.parse(String(request.headers['x-caller']));
    if (access.scopes?.includes(caller.scope) !== true) throw new Refused('forbidden');
    if (caller.status !== 'active' && access.inactive !== true)
      throw new Refused('partner_inactive');
    setCaller(request, caller);
    return true;
  }
}

/** The partners folder over HTTP on a real PostgreSQL; each test takes partners of its own. */
export class PartnersWorld {
  now = START;
  #count = 0;

  private constructor(
    readonly app: NestFastifyApplication,
    readonly database: Database,
    private readonly clean: () => Promise<void>,
  ) {}

  static async make(env: Record<string, string> = {}): Promise<PartnersWorld> {
    const dataDir = mkdtempSync(join(tmpdir(), 'sealpost-partners-'));
    const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } });
    const settings = readSettings({
      DATABASE_URL: postgres.url,
      ISSUER,
      EXCHANGE_JWKS: '{}',
      ...env,
    });
    const holder: { world?: PartnersWorld } = {};
    const clock = { now: () => holder.world?.now ?? START };
    const log = new Log('silent');
    const database = await Database.open(settings, clock, log);
    const app = await serve(settings, clock, database, log);
    holder.world = new PartnersWorld(app, database, async () => {
      await app.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    });
    return holder.world;
  }

  close(): Promise<void> {
    return this.clean();
  }

  /** Somebody nobody knows yet, with a sig key. */
  async actor(id = `p${(this.#count += 1)}`): Promise<Actor> {
    return new Actor(this, id, await makeKey(`${id}-1`));
  }

  /** An active partner. */
  async partner(id?: string): Promise<Actor> {
    const actor = await this.actor(id);
    const answer = await actor.register({ invite: await this.invite(actor.id) });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer));
    return actor;
  }

  async invite(id: string): Promise<string> {
    const { body } = await this.asOperator('POST', '/v1/invites', { id });
    return String(body['invite']);
  }

  asOperator(method: Method, url: string, body?: object): Promise<Answer> {
    return this.call(
      { scope: 'operator', id: 'operator', jkt: 'x', status: 'active' },
      method,
      url,
      body,
    );
  }

  async call(
    caller: object | undefined,
    method: Method,
    url: string,
    body?: object,
  ): Promise<Answer> {
    const response = await this.app.inject({
      method,
      url,
      headers: {
        host: 'x',
        ...(caller === undefined ? {} : { 'x-caller': JSON.stringify(caller) }),
      },
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: response.statusCode, body: response.body === '' ? {} : response.json() };
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

async function serve(
  settings: Settings,
  clock: Clock,
  database: Database,
  log: Log,
): Promise<NestFastifyApplication> {
  @Module({
    controllers: Reflect.getMetadata('controllers', PartnersModule),
    providers: [
      ...Reflect.getMetadata('providers', PartnersModule),
      { provide: Settings, useValue: settings },
      { provide: Clock, useValue: clock },
      { provide: Database, useValue: database },
      { provide: Log, useValue: log },
      Metrics,
      Stopping,
      {
        provide: Egress,
        useFactory: () =>
          new Egress({
            allowHttp: false,
            allowCidrs: [],
            allowLoopback: false,
            maxResponseBytes: 0,
          }),
      },
      { provide: APP_GUARD, useClass: GuardByHeader },
    ],
  })
  class World {}
  const app = await NestFactory.create<NestFastifyApplication>(World, makeAdapter(clock), {
    logger: ['error'],
    bodyParser: false,
  });
  configureHttp(app);
  await app.init();
  return app;
}

export interface MadeKey {
  readonly signing: SigningKey | undefined;
  readonly kid: KeyId;
  readonly jkt: Thumbprint;
  readonly jwk: PublicJwk;
}

export async function makeKey(kid: string, alg: SignAlg = 'Ed25519'): Promise<MadeKey> {
  const made = await generateKey('sig', alg, { kid: kidOf(kid) });
  const signing = await SigningKey.import(made.privateJwk);
  return { signing, kid: signing.kid, jkt: made.jkt, jwk: made.publicJwk };
}

export async function makeEncKey(kid: string): Promise<MadeKey> {
  const made = await generateKey('enc', 'ECDH-ES', { kid: kidOf(kid) });
  return { signing: undefined, kid: made.publicJwk.kid, jkt: made.jkt, jwk: made.publicJwk };
}

function kidOf(kid: string): KeyId {
  if (!isKeyId(kid)) throw new Error(kid);
  return kid;
}

/** Whoever holds keys and calls. */
export class Actor {
  constructor(
    readonly world: PartnersWorld,
    readonly id: string,
    public key: MadeKey,
  ) {}

  as(status: Caller['status'] = 'active'): Caller {
    return { scope: 'partner', id: partnerId(this.id, 'id'), jkt: this.key.jkt, status };
  }

  call(method: Method, url: string, body?: object): Promise<Answer> {
    return this.world.call(this.as(), method, url, body);
  }

  /** Registers with its key, and `enc` if given; what `change` says replaces that. */
  async register(change: object = {}, enc: MadeKey[] = []): Promise<Answer> {
    const body = {
      id: this.id,
      name: `Partner ${this.id}`,
      contact: `ops@${this.id}.example`,
      jwks: { keys: [this.key, ...enc].map((one) => one.jwk) },
      proofs: [await this.proof()],
      statements: await Promise.all(enc.map((one) => this.statement(one))),
      ...change,
    };
    return this.world.call(undefined, 'POST', '/v1/partners', body);
  }

  proof(key: MadeKey = this.key, claims: object = {}): Promise<string> {
    return sign(key, TYP.keyProof, { ...this.#claims(key), ...claims });
  }

  statement(key: MadeKey, claims: object = {}, by: MadeKey = this.key): Promise<string> {
    return sign(by, TYP.keyStatement, { ...this.#claims(key), ...claims });
  }

  #claims({ kid, jkt }: MadeKey): object {
    const iat = Math.floor(this.world.now.getTime() / 1000);
    const jti = crypto.randomUUID();
    return { iss: this.id, sub: this.id, aud: ISSUER, iat, exp: iat + 300, jti, kid, jkt };
  }
}

function sign(by: MadeKey, typ: string, claims: object): Promise<string> {
  if (by.signing === undefined) throw new Error('an enc key does not sign');
  return by.signing.sign(typ, claims);
}

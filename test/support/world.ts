import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { inject } from 'vitest';
import { AppModule } from '../../src/app.module.js';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import type { SignAlg } from '../../src/crypto/index.js';
import {
  chargeCallers,
  Clock,
  configureHttp,
  Database,
  makeAdapter,
  readSettings,
  type Role,
  serveOpenApi,
  Settings,
  SystemClock,
} from '../../src/platform/index.js';
import { Partner } from './partner.js';
import { Receiver } from './receiver.js';

export type EngineName = 'postgres' | 'redis';

/** The queue engines of this run: both must pass the same suite. */
export function engines(): EngineName[] {
  return inject('redisUrl') === undefined ? ['postgres'] : ['postgres', 'redis'];
}

/** Real time, shifted: what a test does to the clock. */
export class ShiftedClock extends Clock {
  #shiftMs = 0;

  override now(): Date {
    return new Date(Date.now() + this.#shiftMs);
  }

  advance(ms: number): void {
    this.#shiftMs += ms;
  }
}

export interface WorldOptions {
  readonly engine?: EngineName;
  /** Settings by their environment names. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A PostgreSQL of the test's own, for what the others must not feel. */
  readonly postgresUrl?: string;
}

export const ISSUER = 'https://exchange.test';

/** An exchange of its own: database, queue, keys, clock, partners. Call `stop` at the end. */
export class World {
  readonly clock = new ShiftedClock();
  readonly #apps: NestFastifyApplication[] = [];
  readonly #receivers: Receiver[] = [];
  #partners = 0;

  private constructor(
    readonly name: string,
    private readonly place: { env: Readonly<Record<string, string>>; postgresUrl: string },
    readonly operatorKey: PrivateJwk,
    readonly db: Pool,
  ) {}

  /** The settings of its processes. */
  get env(): Readonly<Record<string, string>> {
    return this.place.env;
  }

  /** A world without a process yet: for tests that start their own. */
  static async bare({
    engine = 'postgres',
    settings = {},
    postgresUrl = inject('postgresUrl'),
  }: WorldOptions = {}): Promise<World> {
    const name = `w${randomBytes(6).toString('hex')}`;
    const url = new URL(postgresUrl);
    await asAdmin(postgresUrl, `create database ${name}`);
    url.pathname = `/${name}`;
    const redis = inject('redisUrl');
    const operator = await Identity.generateKey('sig', 'Ed25519');
    const own = await Promise.all([
      Identity.generateKey('sig', 'ES256'),
      Identity.generateKey('sig', 'Ed25519'),
    ]);
    const env = {
      PORT: '0',
      LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
      DATABASE_URL: url.href,
      ISSUER,
      EXCHANGE_JWKS: JSON.stringify({ keys: own.map((key) => key.privateJwk) }),
      OPERATOR_JWKS: JSON.stringify({ keys: [operator.publicJwk] }),
      EGRESS_ALLOW: '127.0.0.0/8',
      EGRESS_HTTP: 'true',
      SWEEP_MS: '300',
      ...(engine === 'redis' && redis !== undefined
        ? { REDIS_URL: redis, REDIS_PREFIX: `{${name}}` }
        : {}),
      ...settings,
    };
    const db = new Pool({
      connectionString: url.href,
      max: 2,
      options: '-c search_path=sealpost',
    });
    db.on('error', () => undefined);
    return new World(name, { env, postgresUrl }, operator.privateJwk, db);
  }

  /** A world with one process of both roles. */
  static async make(options: WorldOptions = {}): Promise<World> {
    const world = await World.bare(options);
    await world.start();
    return world;
  }

  /** Starts another process's worth of the exchange in this one; answers its URL. */
  async start(roles: readonly Role[] = ['api', 'worker']): Promise<string> {
    const settings = readSettings({ ...this.env, ROLES: roles.join(',') });
    const module = await Test.createTestingModule({ imports: [AppModule.forRoles(roles)] })
      .overrideProvider(Settings)
      .useValue(settings)
      .overrideProvider(Clock)
      .useValue(this.clock)
      .compile();
    const app = module.createNestApplication<NestFastifyApplication>(
      makeAdapter(new SystemClock(), settings),
      { logger: false, bodyParser: false },
    );
    configureHttp(app);
    if (roles.includes('api')) chargeCallers(app);
    if (roles.includes('api')) serveOpenApi(app);
    await app.listen(0, '127.0.0.1');
    this.#apps.push(app);
    return app.getUrl();
  }

  /** Its processes' worths, in the order of their start. */
  get apps(): readonly NestFastifyApplication[] {
    return this.#apps;
  }

  /** The app started first. */
  get app(): NestFastifyApplication {
    const [app] = this.#apps;
    if (app === undefined) throw new Error('this world has no process');
    return app;
  }

  get url(): string {
    return this.#url(this.app);
  }

  get database(): Database {
    return this.app.get(Database);
  }

  /** A partner that is registered and approved. */
  async partner(id?: string, options: { alg?: SignAlg; url?: string } = {}): Promise<Partner> {
    const partner = await this.stranger(id, options);
    await partner.register({ name: partner.id, contact: `ops@${partner.id}.example` });
    const operator = await this.operator(options.url);
    await operator.call('POST', `/v1/partners/${partner.id}/approve`);
    return partner;
  }

  /** Somebody with keys whom the exchange does not know yet. */
  stranger(id?: string, options: { alg?: SignAlg; url?: string } = {}): Promise<Partner> {
    const name = id ?? `p${++this.#partners}`;
    return Partner.make(name, options.url ?? this.url, options);
  }

  operator(url = this.url): Promise<Partner> {
    return Partner.make('operator', url, { keys: [this.operatorKey] });
  }

  async receiver(): Promise<Receiver> {
    const receiver = await Receiver.start();
    this.#receivers.push(receiver);
    return receiver;
  }

  /** Rows of the ledger, for looking behind the front door. */
  async rows<Row extends object = Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return (await this.db.query<Row>(text, values)).rows;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#receivers.map((receiver) => receiver.stop()));
    await Promise.all(this.#apps.map((app) => app.close()));
    await this.db.end();
    await asAdmin(this.place.postgresUrl, `drop database ${this.name} with (force)`);
  }

  #url(app: NestFastifyApplication): string {
    const address = app.getHttpServer().address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    return `http://127.0.0.1:${address.port}`;
  }
}

async function asAdmin(connectionString: string, text: string): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

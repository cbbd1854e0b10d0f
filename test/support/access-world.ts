import {
  Controller,
  Get,
  type InjectionToken,
  Module,
  Post,
  type Provider,
  Req,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { AccessTokens } from '../../src/access/access-tokens.js';
import { AccessGuard } from '../../src/access/access.guard.js';
import { ClientAssertions } from '../../src/access/client-assertions.js';
import { DpopProofs } from '../../src/access/dpop-proofs.js';
import { IssueToken } from '../../src/access/issue-token.js';
import { TokenController } from '../../src/access/token.controller.js';
import {
  generateKey,
  type PublicJwk,
  SigningKey,
  VerificationKey,
} from '../../src/crypto/index.js';
import { ExchangeKeys, OperatorKeys } from '../../src/exchange-keys/index.js';
import { PartnerStanding, UsedTokens } from '../../src/partners/index.js';
import {
  Metrics,
  type Caller,
  callerOf,
  Clock,
  configureHttp,
  FromCaller,
  Log,
  makeAdapter,
  Open,
  readSettings,
  Scopes,
  ScopesEvenInactive,
  ScopesUnlessSigned,
  Settings,
  Stopping,
} from '../../src/platform/index.js';

export const ISSUER = 'https://exchange.example';
export const NOW = new Date('2030-01-01T00:00:00Z');
export const AT = NOW.getTime() / 1000;

/** One door of every kind; those with a caller answer who it is. */
@Controller()
class Doors {
  @Open()
  @Get('open')
  open(): string {
    return 'in';
  }

  @Get('undecorated')
  undecorated(): string {
    return 'in';
  }

  @Scopes()
  @Get('nobody')
  nobody(): string {
    return 'in';
  }

  @Scopes('partner')
  @Get('partner')
  partner(@FromCaller() caller: Caller): Caller {
    return caller;
  }

  @Scopes('operator')
  @Get('operator')
  operator(@FromCaller() caller: Caller): Caller {
    return caller;
  }

  @ScopesUnlessSigned('partner')
  @Post('signed')
  signed(@Req() request: FastifyRequest): object {
    return { caller: callerOf(request)?.id ?? 'the body' };
  }

  @ScopesEvenInactive('partner')
  @Get('status')
  status(@FromCaller() caller: Caller): Caller {
    return caller;
  }
}

/** The access folder over HTTP, with the ledger's answers set by the test: partner `acme`, `operator`. */
export class AccessWorld {
  now = NOW;
  standing: Caller['status'] | undefined = 'active';
  operatorIsGood = true;
  ledgerIsDown = false;
  readonly #used = new Set<string>();

  private constructor(
    readonly exchange: SigningKey,
    readonly acme: SigningKey,
    readonly operator: SigningKey,
    readonly stranger: SigningKey,
  ) {}

  static async make(): Promise<{ world: AccessWorld; app: NestFastifyApplication }> {
    const world = new AccessWorld(
      await makeKey('ES256'),
      await makeKey('Ed25519'),
      await makeKey('Ed25519'),
      await makeKey('Ed25519'),
    );
    return { world, app: await world.#serve() };
  }

  async #serve(): Promise<NestFastifyApplication> {
    const clock = { now: () => this.now };
    @Module({
      controllers: [Doors, TokenController],
      providers: [
        { provide: Settings, useValue: readSettings({ ISSUER }) },
        { provide: Log, useValue: new Log('silent') },
        Metrics,
        Stopping,
        { provide: Clock, useValue: clock },
        ...(await this.#ports()),
        AccessTokens,
        ClientAssertions,
        DpopProofs,
        IssueToken,
        { provide: APP_GUARD, useClass: AccessGuard },
      ],
    })
    class World {}
    const app = await NestFactory.create<NestFastifyApplication>(World, makeAdapter(clock), {
      logger: false,
      bodyParser: false,
    });
    configureHttp(app);
    await app.listen(0, '127.0.0.1');
    return app;
  }

  async #ports(): Promise<Provider[]> {
    const own = await VerificationKey.import(this.exchange.publicJwk, this.exchange.jkt);
    const { exchange, operator } = this;
    return [
      at(ExchangeKeys, {
        sign: (typ: string, claims: object) => exchange.sign(typ, claims),
        find: async (kid: string) => (kid === exchange.kid ? own : undefined),
      }),
      at(OperatorKeys, {
        find: async (kid: string) => (kid === operator.kid ? publicOf(operator) : undefined),
        has: (jkt: string) => this.operatorIsGood && jkt === operator.jkt,
      }),
      at(PartnerStanding, {
        candidates: async (id: string, kid: string) => this.#candidates(id, kid),
        of: async (id: string, jkt: string) => this.#candidates(id, jkt)[0]?.status,
      }),
      at(UsedTokens, {
        use: async (issuer: string, jti: string) => {
          const isNew = !this.#used.has(`${issuer} ${jti}`);
          this.#used.add(`${issuer} ${jti}`);
          return isNew;
        },
      }),
    ];
  }

  #candidates(
    id: string,
    key: string,
  ): { status: Caller['status']; jwk: PublicJwk; jkt: string }[] {
    if (this.ledgerIsDown) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
    const isAcme = id === 'acme' && (key === this.acme.kid || key === this.acme.jkt);
    return isAcme && this.standing !== undefined
      ? [{ ...publicOf(this.acme), status: this.standing }]
      : [];
  }
}

async function makeKey(alg: 'ES256' | 'Ed25519'): Promise<SigningKey> {
  return SigningKey.import((await generateKey('sig', alg)).privateJwk);
}

function publicOf(one: SigningKey): { jwk: PublicJwk; jkt: string } {
  return { jwk: one.publicJwk, jkt: one.jkt };
}

function at(provide: InjectionToken, useValue: object): Provider {
  return { provide, useValue };
}

/** The members of a JSON answer, or its text. */
export function readBody(body: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? { ...json } : { body };
  } catch {
    return { body };
  }
}

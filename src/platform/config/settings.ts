import { Expose, plainToInstance, Transform, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUrl,
  Max,
  Min,
  validateSync,
} from 'class-validator';
import { Is } from './is.js';
import { areCidrs, Limits, list } from './limits.js';

export type Role = 'api' | 'worker';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const ROLES: readonly Role[] = ['api', 'worker'];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const numbers = (given: { value: unknown }): unknown => {
  const parts = list(given);
  return Array.isArray(parts) ? parts.map(Number) : parts;
};
const flag = ({ value }: { value: unknown }): unknown =>
  value === 'true' ? true : value === 'false' ? false : value;

/**
 * Every setting, named as its environment variable. Read once, at start; a bad value stops the start
 * with one line that names it. docs/configuration.md is printed from this file.
 */
export class Settings extends Limits {
  /** Port of the HTTP API. 0 takes a free one. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  PORT: number = 3000;

  /** Address the HTTP API listens on. */
  @Expose()
  @IsString()
  @IsNotEmpty()
  HOST: string = '127.0.0.1';

  /**
   * The exchange's own name: `via` of envelopes, `aud` of proofs and assertions. Never change it.
   * Required with DATABASE_URL; on the embedded default `http://localhost:$PORT` unless given.
   */
  @Expose()
  @IsOptional()
  @IsUrl({ require_tld: false, protocols: ['http', 'https'], require_protocol: true })
  @Is('an origin and path without a trailing slash, query or fragment', isIssuer)
  ISSUER?: string;

  /** What this process does; the embedded default does both. */
  @Expose()
  @Transform(list)
  @ArrayNotEmpty()
  @IsIn(ROLES, { each: true })
  ROLES: Role[] = ['api', 'worker'];

  /** Where the embedded default keeps its database and keys. */
  @Expose()
  @IsString()
  @IsNotEmpty()
  DATA_DIR: string = './.data';

  /** PostgreSQL 15 or newer; without it an embedded one is run. */
  @Expose()
  @IsOptional()
  @Is('a postgres:// URL', isPostgresUrl)
  DATABASE_URL?: string;

  /** Redis 6.2, Valkey 7.2 or newer; without it BullMQ runs on PostgreSQL. */
  @Expose()
  @IsOptional()
  @Is('a redis:// or rediss:// URL', isRedisUrl)
  REDIS_URL?: string;

  /** Prefix of all queue keys in Redis. */
  @Expose()
  @IsString()
  @IsNotEmpty()
  REDIS_PREFIX: string = 'sealpost';

  /**
   * Private JWK Set of the exchange: its JSON, or the path of a file that holds it. Required with
   * DATABASE_URL; on the embedded default made at first start in DATA_DIR unless given.
   */
  @Expose()
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  EXCHANGE_JWKS?: string;

  /**
   * Public JWK Set of the operator: its JSON, or the path of a file that holds it. On the embedded
   * default the key is made at first start as DATA_DIR/operator.jwk unless given.
   */
  @Expose()
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  OPERATOR_JWKS?: string;

  /** CIDRs that partners' URLs may reach although they are special-use, comma-separated. */
  @Expose()
  @Transform(list)
  @Is('CIDRs, comma-separated', areCidrs)
  EGRESS_ALLOW: string[] = [];

  /** Lets partners' URLs be http. */
  @Expose()
  @Transform(flag)
  @IsBoolean()
  EGRESS_HTTP: boolean = false;

  /** Least severe log line that is written; ordinary steps are `info`. */
  @Expose()
  @IsIn(LOG_LEVELS)
  LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'info';

  /** Runs open migrations at start; `false` refuses to start on an old schema instead. */
  @Expose()
  @Transform(flag)
  @IsBoolean()
  MIGRATE_AT_START: boolean = true;

  /** Most connections to PostgreSQL of this process. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(4)
  @Max(200)
  DATABASE_POOL: number = 10;

  /** Days that contents are kept after acceptance. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(8)
  @Max(3650)
  RETENTION_DAYS: number = 30;

  /** Waits before the 2nd, 3rd … attempt; the last one repeats while one fits before `exp`. */
  @Expose()
  @Transform(numbers)
  @Is('whole milliseconds, comma-separated', areWaits)
  RETRY_SCHEDULE_MS: number[] = [
    5_000,
    30_000,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
  ];

  /** Time that one push may take, name lookup to answer. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(120_000)
  ENDPOINT_TIMEOUT_MS: number = 15_000;

  /** Most attempts in flight to one endpoint, over all processes. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  ENDPOINT_IN_FLIGHT: number = 20;

  /** Most attempts in flight to all endpoints of one partner, over all processes. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  RECIPIENT_IN_FLIGHT: number = 40;

  /** Pushes that this process has under way at once: several times what one endpoint may keep busy. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  WORKER_CONCURRENCY: number = 100;

  /** Most bytes of an endpoint's answer that are read. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_048_576)
  ENDPOINT_ANSWER_BYTES: number = 65_536;

  /** Time a poller has to ack before a delivery becomes available again. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(12 * HOUR_MS)
  POLL_LEASE_MS: number = 60_000;

  /** Time a poll waits for the first envelope. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(120_000)
  LONG_POLL_MS: number = 30_000;

  /** Time between sweeps that catch what a wake-up missed. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(600_000)
  SWEEP_MS: number = 2_000;

  /** Lets nobody in, the operator included, but with tokens that are bound to a key (DPoP, RFC 9449). */
  @Expose()
  @Transform(flag)
  @IsBoolean()
  DPOP_REQUIRED: boolean = false;

  /** Time that pending registrations wait for the operator. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(365)
  PENDING_DAYS: number = 7;

  /** Most registrations that may be pending at once; the next is answered 429. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  PENDING_MAX: number = 1_000;

  /** True on the embedded default. */
  get embedded(): boolean {
    return this.DATABASE_URL === undefined;
  }

  get issuer(): string {
    return this.ISSUER ?? `http://localhost:${this.PORT}`;
  }

  /** True when only this machine can reach the exchange. */
  get onLoopback(): boolean {
    return this.HOST === 'localhost' || this.HOST === '::1' || this.HOST.startsWith('127.');
  }

  runs(role: Role): boolean {
    return this.ROLES.includes(role);
  }
}

/**
 * Reads every setting once, at start. Says all that is wrong, then throws.
 *
 * @param between the rules between settings; a migration, which needs no keys, has none.
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  between: (settings: Settings) => string[] = together,
): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const settings = plainToInstance(Settings, given, {
    excludeExtraneousValues: true,
    exposeDefaultValues: true,
    exposeUnsetFields: false,
  });
  const faults = validateSync(settings).flatMap((fault) =>
    Object.values(fault.constraints ?? {}).map((text) => `  ${fault.property}: ${text}`),
  );
  faults.push(...between(settings));
  if (faults.length > 0) throw new Error(`Cannot start:\n${faults.join('\n')}`);
  return settings;
}

function limitsTogether(settings: Settings): string[] {
  const faults: string[] = [];
  if (settings.CONNECTION_TIMEOUT_MS <= settings.LONG_POLL_MS)
    faults.push('  CONNECTION_TIMEOUT_MS: must be more than LONG_POLL_MS, or polls are cut off');
  if (settings.EVIDENCE_DAYS < settings.RETENTION_DAYS)
    faults.push('  EVIDENCE_DAYS: must be at least RETENTION_DAYS');
  return faults;
}

/** Rules between settings. */
function together(settings: Settings): string[] {
  const faults: string[] = limitsTogether(settings);
  if (settings.embedded) {
    if (!Array.isArray(settings.ROLES) || settings.ROLES.length !== ROLES.length)
      faults.push(
        '  ROLES: must be api,worker without DATABASE_URL: the embedded default is one process',
      );
    return faults;
  }
  if (settings.ISSUER === undefined) faults.push('  ISSUER: required with DATABASE_URL');
  if (settings.EXCHANGE_JWKS === undefined)
    faults.push('  EXCHANGE_JWKS: required with DATABASE_URL');
  return faults;
}

function isIssuer(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const url = new URL(value);
  return !url.search && !url.hash && !url.username && !value.endsWith('/') && !value.endsWith('?');
}

function isPostgresUrl(value: unknown): boolean {
  return typeof value === 'string' && /^postgres(?:ql)?:\/\/./.test(value) && URL.canParse(value);
}

function isRedisUrl(value: unknown): boolean {
  return typeof value === 'string' && /^rediss?:\/\/./.test(value) && URL.canParse(value);
}

function areWaits(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((ms) => Number.isInteger(ms) && ms >= 1 && ms <= 24 * HOUR_MS)
  );
}

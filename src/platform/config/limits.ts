import { Expose, Transform, Type } from 'class-transformer';
import { IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';
import { isIP } from 'node:net';
import { Is } from './is.js';

/** Words separated by commas become a list. */
export const list = ({ value }: { value: unknown }): unknown =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
    : value;

/** What bounds a caller and a connection. Part of Settings; a file of its own for its length. */
export class Limits {
  /** Port of its own for `/health/*` and `/metrics`, which the API's port then answers 404. */
  @Expose()
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(65_535)
  OPS_PORT?: number;

  /** Address that OPS_PORT listens on. */
  @Expose()
  @IsString()
  @IsNotEmpty()
  OPS_HOST: string = '127.0.0.1';

  /**
   * CIDRs of proxies whose `X-Forwarded-For` is believed, comma-separated. From anybody else, forwarded
   * headers mean nothing.
   */
  @Expose()
  @Transform(list)
  @Is('CIDRs, comma-separated', areCidrs)
  TRUST_PROXY: string[] = [];

  /** Time that a request may take to arrive whole; its headers take half of that at most. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(200)
  @Max(600_000)
  REQUEST_TIMEOUT_MS: number = 30_000;

  /** Time that a connection may be silent. A long poll is silent for LONG_POLL_MS. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(200)
  @Max(600_000)
  CONNECTION_TIMEOUT_MS: number = 150_000;

  /** Most connections at once to the API of this process; further ones are closed. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  MAX_CONNECTIONS: number = 10_000;

  /** Requests a second of one address (of IPv6, a /64), over all processes. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  RATE_ADDRESS_PER_SECOND: number = 2_000;

  /** Requests and envelopes a second of one partner, over all processes. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  RATE_PARTNER_PER_SECOND: number = 2_000;

  /** How many seconds' worth may be spent at once by whoever was quiet before. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3_600)
  RATE_BURST_SECONDS: number = 10;

  /** Most requests at once in this process whose signature is not verified yet; then 503. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000)
  UNVERIFIED_IN_FLIGHT: number = 1_000;

  /** Most deliveries that may wait between one sender and one recipient; then `over_quota`. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000_000)
  PAIR_WAITING_COUNT: number = 100_000;

  /**
   * Days that identities, digests, timelines and receipts are kept after acceptance: contents go after
   * RETENTION_DAYS. So long no `jti` is used again.
   */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(8)
  @Max(36_500)
  EVIDENCE_DAYS: number = 365;

  /** Most bytes of envelopes that may wait between one sender and one recipient. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  PAIR_WAITING_BYTES: number = 1_073_741_824;

  /** Shortest time between two fetches of a partner's `jwksUri`, whatever its caching says. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(86_400_000)
  JWKS_REFRESH_MIN_MS: number = 300_000;

  /** Longest time between two fetches of a partner's `jwksUri`. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1_000)
  @Max(604_800_000)
  JWKS_REFRESH_MAX_MS: number = 86_400_000;

  /** Time that the last good set of a `jwksUri` serves after it should have been fetched again. */
  @Expose()
  @Type(() => Number)
  @IsInt()
  @Min(1_000)
  @Max(2_592_000_000)
  JWKS_STALE_MS: number = 86_400_000;
}

export function areCidrs(value: unknown): boolean {
  return Array.isArray(value) && value.every((cidr) => isCidr(String(cidr)));
}

function isCidr(cidr: string): boolean {
  const [address, bits, rest] = cidr.split('/');
  const family = isIP(address ?? '');
  const most = family === 4 ? 32 : 128;
  return family !== 0 && rest === undefined && /^\d{1,3}$/.test(bits ?? '') && Number(bits) <= most;
}

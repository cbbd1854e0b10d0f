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

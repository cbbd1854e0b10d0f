/** What the operator lets the exchange call beyond public https on port 443. */
export interface EgressRules {
  /** Plain http, to any address that may be called. */
  readonly allowHttp: boolean;
  /** Exceptions to the special-use ranges: `10.1.0.0/16`, `fd00::/8` or a single address. */
  readonly allowCidrs: readonly string[];
  /** 127.0.0.0/8 and ::1, by http too. */
  readonly allowLoopback: boolean;
  /** Default: 443, and 80 when `allowHttp`. Any port when the address is in an exception. */
  readonly allowPorts?: 'any' | readonly number[];
  readonly maxResponseBytes: number;
}

/** Finds every address of a name. Tests hand in their own. */
export type Lookup = (
  hostname: string,
) => Promise<readonly { readonly address: string; readonly family: 4 | 6 }[]>;

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Parsed = ipaddr.IPv4 | ipaddr.IPv6;

/** One address or a range of them. */
export type Cidr = readonly [Parsed, number];

/** `metadata` is never called, whatever the exceptions say: it hands out the host's own credentials. */
export type AddressKind = 'public' | 'loopback' | 'special' | 'metadata';

// 168.63.129.16 (Azure) is a public address, so no table of special-use ranges has it.
const METADATA: ReadonlySet<string> = new Set([
  '168.63.129.16',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
]);

const GLOBAL_UNICAST: [ipaddr.IPv6, number] = ipaddr.IPv6.parseCIDR('2000::/3');

/** Sorts one address; whatever is not surely public is `special`, text that is no address too. */
export function kindOf(address: string): AddressKind {
  const parsed = parse(address);
  if (parsed === undefined) return 'special';
  if (METADATA.has(parsed.toString())) return 'metadata';
  const range = parsed.range();
  if (range === 'loopback') return 'loopback';
  if (range !== 'unicast') return 'special';
  return parsed instanceof ipaddr.IPv6 && !isPublicV6(parsed) ? 'special' : 'public';
}

/** Is the address in one of the ranges? */
export function isWithin(address: string, ranges: readonly Cidr[]): boolean {
  const parsed = parse(address);
  if (parsed === undefined) return false;
  return ranges.some(
    ([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits),
  );
}

/** Reads `10.0.0.0/8` or a single address; throws on anything else, since it comes from our own settings. */
export function parseCidr(text: string): Cidr {
  const [address = '', bits] = text.split('/');
  if (isIP(address) === 0) throw new Error('an exception to the egress guard is not a CIDR');
  if (bits !== undefined) return ipaddr.parseCIDR(text);
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}

/** Are both texts the same address? The kernel may spell it another way than the resolver did. */
export function isSameAddress(one: string, other: string): boolean {
  const parsed = parse(one);
  return parsed !== undefined && parsed.toString() === parse(other)?.toString();
}

function parse(address: string): Parsed | undefined {
  // ipaddr.js alone would also read 0x7f.1 and 0177.0.0.1.
  if (isIP(address) === 0) return undefined;
  // It also reads ::8.8.8.8, which is IPv4-compatible, as IPv4-mapped.
  if (/^(?!::ffff:)[^.]*:.*\./i.test(address)) return undefined;
  return ipaddr.process(address);
}

/**
 * IPv6 outside 2000::/3 is not allocated: this is also what refuses IPv4-compatible ::127.0.0.1, which no range of
 * ipaddr.js names. ISATAP (RFC 5214 section 6.1) carries an IPv4 address behind any prefix.
 */
function isPublicV6(address: ipaddr.IPv6): boolean {
  const [high, low] = address.parts.slice(4);
  const isIsatap = (high === 0 || high === 0x200) && low === 0x5efe;
  return address.match(GLOBAL_UNICAST) && !isIsatap;
}

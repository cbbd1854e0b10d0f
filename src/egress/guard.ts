import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isWithin, kindOf, parseCidr, type Cidr } from './address.js';
import { codeOf, EgressFault } from './fault.js';
import type { EgressRules, Lookup } from './rules.js';
import { DEFAULT_PORTS, parseTarget, refuse, type Place, type Target } from './target.js';

/** A resolver that does not answer must not hold a connection slot longer than this. */
const LOOKUP_TIMEOUT_MS = 5_000;

const METADATA_NAME =
  /^(?:metadata|instance-data|rancher-metadata|metadata\.google\.internal|metadata\.goog|metadata\.azure\.internal|instance-data\.ec2\.internal)$/;
const LOOPBACK_NAME = /^(?:.+\.)?localhost$/;
// Names that mean something only inside somebody's network; one without a dot is among them.
const INSIDE_NAME = /^[^.]+$|\.(?:local|localdomain|internal|intranet|lan|home\.arpa)$/;

const SPECIAL_ADDRESS = 'the address is not a public one';
const INSIDE_HOST = 'the host name is not a public one';
const PORT = 'the port is not allowed';
const SCHEME = 'the scheme is not https';

/** The names and addresses of the system, in the order the system prefers. */
export const lookupBySystem: Lookup = async (hostname) => {
  const found = await systemLookup(hostname, { all: true, order: 'verbatim' });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};

/**
 * Decides which URLs the exchange calls: first by the text, then by the addresses.
 *
 * An address decides last and alone; the text only refuses early what no address could make good.
 */
export class Guard {
  readonly #rules: EgressRules;
  readonly #lookup: Lookup;
  readonly #exceptions: readonly Cidr[];

  constructor(rules: EgressRules, lookup: Lookup) {
    this.#rules = rules;
    this.#lookup = lookup;
    this.#exceptions = rules.allowCidrs.map(parseCidr);
  }

  /** Judges what the text alone shows; throws Refused. An address in the text is judged here in full. */
  admit(text: unknown): Target {
    const target = parseTarget(text);
    if (isIP(target.hostname) !== 0) this.#judgeAddress(target, target.hostname);
    else this.#judgeName(target);
    return target;
  }

  /**
   * Resolves once and gives the addresses that may be connected to: all that there are, or none. Throws Refused when
   * one of them is not allowed, EgressFault `dns` when there are none.
   */
  async addressesOf(place: Place): Promise<readonly string[]> {
    const found = isIP(place.hostname) === 0 ? await this.#resolve(place) : [place.hostname];
    // Node or the kernel may move on to the next address by itself, so one bad address spoils them all.
    for (const address of found) this.#judgeAddress(place, address);
    return found;
  }

  #judgeName(place: Place): void {
    const { scheme, hostname } = place;
    if (METADATA_NAME.test(hostname)) refuse(INSIDE_HOST);
    const mayBeLoopback = LOOPBACK_NAME.test(hostname) && this.#rules.allowLoopback;
    if (scheme === 'http' && !this.#rules.allowHttp && !mayBeLoopback) refuse(SCHEME);
    // What an exception could make good waits for the addresses.
    if (mayBeLoopback || this.#exceptions.length > 0) return;
    this.#judgePublic(place, true);
  }

  #judgeAddress(place: Place, address: string): void {
    const kind = kindOf(address);
    if (kind === 'metadata') refuse(SPECIAL_ADDRESS);
    const isLoopback = kind === 'loopback' && this.#rules.allowLoopback;
    const isException = isLoopback || isWithin(address, this.#exceptions);
    if (!isException) this.#judgePublic(place, kind === 'public');
    if (place.scheme === 'http' && !this.#rules.allowHttp && !isLoopback) refuse(SCHEME);
  }

  #judgePublic(place: Place, isPublic: boolean): void {
    if (!isPublic) refuse(SPECIAL_ADDRESS);
    if (isInside(place.hostname)) refuse(INSIDE_HOST);
    if (!this.#isPortAllowed(place.port)) refuse(PORT);
  }

  #isPortAllowed(port: number): boolean {
    const { allowPorts, allowHttp } = this.#rules;
    if (allowPorts === 'any') return true;
    if (allowPorts !== undefined) return allowPorts.includes(port);
    return port === DEFAULT_PORTS.https || (allowHttp && port === DEFAULT_PORTS.http);
  }

  async #resolve(place: Place): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new EgressFault('dns', 'LOOKUP_TIMEOUT'));
      }, LOOKUP_TIMEOUT_MS);
    });
    try {
      const found = await Promise.race([this.#lookup(place.hostname), late]);
      if (found.length === 0) throw new EgressFault('dns', 'NO_ADDRESS');
      return found.map(({ address }) => address);
    } catch (error) {
      throw error instanceof EgressFault ? error : new EgressFault('dns', codeOf(error));
    } finally {
      clearTimeout(timer);
    }
  }
}

function isInside(hostname: string): boolean {
  return isIP(hostname) === 0 && (LOOPBACK_NAME.test(hostname) || INSIDE_NAME.test(hostname));
}

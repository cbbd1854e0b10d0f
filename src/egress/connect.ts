import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { Refused } from '../envelope/index.js';
import { isSameAddress } from './address.js';
import { codeOf, EgressFault } from './fault.js';
import type { Guard } from './guard.js';
import { DEFAULT_PORTS, type Place } from './target.js';

/** One address that swallows packets must leave time for the next one. */
const ADDRESS_TIMEOUT_MS = 3_000;
/** A name with a thousand addresses is judged in full, but not dialled in full. */
const MAX_ATTEMPTS = 4;

const NEVER_REACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
  'EINVAL',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

type Settle = (...call: Parameters<buildConnector.connector>) => Promise<void>;

/**
 * A connector for undici that asks the guard at every new connection and dials only addresses the guard has judged.
 *
 * A `lookup` option would not do: Node never calls it for an address, and may call it twice for a name.
 */
export function guardedConnector(guard: Guard): buildConnector.connector {
  const dial = buildConnector({
    allowH2: false,
    timeout: ADDRESS_TIMEOUT_MS,
    // Said here so that NODE_TLS_REJECT_UNAUTHORIZED cannot unsay it.
    rejectUnauthorized: true,
  });
  const settle: Settle = async (options, callback) => {
    const [outcome] = await Promise.allSettled([connect(guard, dial, options)]);
    if (outcome.status === 'fulfilled') callback(null, outcome.value);
    else callback(toFault(outcome.reason), null);
  };
  return (options, callback) => void settle(options, callback);
}

async function connect(
  guard: Guard,
  dial: buildConnector.connector,
  options: buildConnector.Options,
): Promise<Socket> {
  const place = placeOf(options);
  const addresses = inDialOrder(await guard.addressesOf(place));
  let last = new EgressFault('connect');
  for (const address of addresses) {
    try {
      return await dialAddress(dial, place, address);
    } catch (error) {
      last = toFault(error);
      if (last.reason !== 'connect') break;
    }
  }
  throw last;
}

function dialAddress(
  dial: buildConnector.connector,
  place: Place,
  address: string,
): Promise<Socket> {
  const isNamedTls = place.scheme === 'https' && isIP(place.hostname) === 0;
  const options: buildConnector.Options = {
    hostname: address,
    protocol: `${place.scheme}:`,
    port: String(place.port),
    // The certificate is the name's. With plain http undici would dial `servername` in place of the address.
    ...(isNamedTls ? { servername: place.hostname } : {}),
  };
  return new Promise((resolve, reject) => {
    dial(options, (error, socket) => {
      if (error !== null) {
        reject(dialFault(error, place));
      } else if (isSameAddress(socket.remoteAddress ?? '', address)) {
        resolve(socket);
      } else {
        socket.destroy();
        // Closed already is not the same as somewhere else.
        reject(new EgressFault(socket.remoteAddress === undefined ? 'reset' : 'url_rejected'));
      }
    });
  });
}

function placeOf({ protocol, hostname, port }: buildConnector.Options): Place {
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, hostname, port: port === '' ? DEFAULT_PORTS[scheme] : Number(port) };
}

/** The first of each family, then the rest as they came: a family the host lacks must not use up the attempts. */
function inDialOrder(addresses: readonly string[]): readonly string[] {
  const families = addresses.map((address) => isIP(address));
  const isFirst = (at: number): boolean => families.indexOf(families[at] ?? 0) === at;
  return [
    ...addresses.filter((_, at) => isFirst(at)),
    ...addresses.filter((_, at) => !isFirst(at)),
  ].slice(0, MAX_ATTEMPTS);
}

function dialFault(error: Error, place: Place): EgressFault {
  const code = codeOf(error);
  const isTls = place.scheme === 'https' && !NEVER_REACHED.has(code ?? '');
  return new EgressFault(isTls ? 'tls' : 'connect', code);
}

function toFault(error: unknown): EgressFault {
  if (error instanceof EgressFault) return error;
  return new EgressFault(error instanceof Refused ? 'url_rejected' : 'connect', codeOf(error));
}

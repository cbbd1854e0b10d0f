import pc from 'picocolors';
import type { Message, ReceivedClaims } from '../client/index.js';
import type { Out } from './out.js';
import { shown } from './out.js';

/** One envelope that came and whose signature held. */
export interface Received {
  readonly deliveryId: string;
  readonly envelope: string;
  readonly claims: ReceivedClaims;
  /** What was sealed in it, if this profile could open it. */
  readonly opened?: Message | undefined;
}

/** Prints one envelope whose signature held. */
export function printReceived(out: Out, { opened, ...received }: Received): void {
  const more = opened === undefined ? {} : { opened: { data: opened.data } };
  out.result({ ...received, ...more }, () => {
    const { iss, aud, type, jti, data, sealed } = received.claims;
    const time = new Date().toISOString().slice(11, 19);
    const head = `${pc.green('✓')} ${pc.dim(time)}  ${pc.bold(`${iss} → ${aud}`)}  ${pc.cyan(shown(type))}`;
    const content =
      sealed === undefined ? shown(data) : opened && `${shown(opened.data)}  ${pc.dim('(sealed)')}`;
    const jtiText = pc.dim(`jti ${shown(jti)}`);
    return `${head}  ${jtiText}\n  ${content ?? pc.dim('sealed, and this profile has no key that opens')}`;
  });
}

/** Says that an envelope was turned away, and by which check. */
export function printTurnedAway(
  out: Out,
  turnedAway: { readonly deliveryId: string; readonly code: string; readonly detail?: string },
): void {
  const { deliveryId, code, detail } = turnedAway;
  out.fault({ turnedAway }, () =>
    [pc.red('✗'), pc.dim(deliveryId), pc.red(code), detail ?? ''].join(' ').trimEnd(),
  );
}

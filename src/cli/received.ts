import pc from 'picocolors';
import type { ReceivedClaims } from '../client/index.js';
import type { Out } from './out.js';
import { shown } from './out.js';

/** Prints one envelope whose signature held. */
export function printReceived(
  out: Out,
  received: {
    readonly deliveryId: string;
    readonly envelope: string;
    readonly claims: ReceivedClaims;
  },
): void {
  out.result(received, () => {
    const { iss, aud, type, jti, data, sealed } = received.claims;
    const time = new Date().toISOString().slice(11, 19);
    const head = `${pc.green('✓')} ${pc.dim(time)}  ${pc.bold(`${iss} → ${aud}`)}  ${pc.cyan(shown(type))}`;
    const content = sealed === undefined ? shown(data) : pc.dim('sealed for you');
    return `${head}  ${pc.dim(`jti ${shown(jti)}`)}\n  ${content}`;
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

const ERR: Readonly<Record<string, string>> = {
  aud: 'invalid_audience',
  iss: 'invalid_issuer',
};

/** The word of RFC 8935 section 2.4 for what was wrong with an envelope. */
export function errOf({ code, detail }: { code: string; detail?: string | undefined }): string {
  if (code === 'key_unknown' || code === 'signature_invalid') return 'invalid_key';
  return ERR[detail ?? ''] ?? 'invalid_request';
}

import pc from 'picocolors';
import {
  type PublishedJwks,
  tokenParts,
  verifyEnvelope,
  verifyReceipt,
} from '../../client/index.js';
import { TYP } from '../../envelope/index.js';
import type { Command, Line } from '../command.js';
import type { Desk } from '../desk.js';
import { readStdin, readText } from '../files.js';
import { shown, table } from '../out.js';
import { readJwks, verifyKnownReceipt } from '../verification.js';

export const verify: Command = {
  name: 'verify',
  says: 'Verifies an envelope or a receipt, with or without an exchange',
  takes: '<file | ->',
  teaches: `Says who signed it and what it says, or which check it fails (exit code 1). With --jwks nothing is
asked of anybody: the keys in that file are the ones you trust. Without it the keys are fetched from
the exchange of your profile.`,
  options: {
    jwks: { type: 'string', value: '<file>', says: 'JWK Set to verify with, offline' },
    issuer: {
      type: 'string',
      value: '<url>',
      says: 'With --jwks: who has to have issued a receipt. Default whoever says so',
    },
    envelope: {
      type: 'string',
      value: '<file>',
      says: 'For a receipt: that it speaks of exactly these bytes',
    },
  },
  examples: [
    {
      says: 'A receipt, years later, offline',
      line: 'sealpost verify receipt.jwt --jwks exchange-jwks.json --issuer https://exchange.example',
    },
    {
      says: 'That it is about this envelope',
      line: 'sealpost verify receipt.jwt --envelope envelope.jwt',
    },
    {
      says: 'All that came with receipts',
      line: 'sealpost receipts 0199f3a0-… --jwt | head -1 | sealpost verify -',
    },
  ],
  async run(line, desk) {
    line.atMost(1);
    const jwt = await readToken(line.word(0, 'the file'));
    const { typ, kid } = tokenParts(jwt, [TYP.envelope, TYP.receipt]);
    const claims = await verified(jwt, typ, line, desk);
    const kind = typ === TYP.receipt ? 'receipt' : 'envelope';
    desk.out.result({ verified: true, kind, kid, claims }, () => textOf(kind, kid, claims));
  },
};

async function verified(jwt: string, typ: string, line: Line, desk: Desk): Promise<object> {
  const file = line.text('jwks');
  const bytesOf = line.text('envelope');
  const envelope = bytesOf === undefined ? undefined : await readToken(bytesOf);
  if (file !== undefined)
    return offline(jwt, typ, await readJwks(file), { ...about(line), envelope });
  const { session, peers } = await desk.receiver();
  if (typ === TYP.receipt) return verifyKnownReceipt(jwt, session, peers, envelope);
  // Somebody's own envelope, or one that came: whether it is for this partner is not asked here.
  return verifyEnvelope(jwt, await peers.of(tokenParts(jwt).iss));
}

function about(line: Line): { issuer?: string } {
  const issuer = line.text('issuer');
  return issuer === undefined ? {} : { issuer };
}

function offline(
  jwt: string,
  typ: string,
  jwks: PublishedJwks,
  expected: { issuer?: string; envelope?: string | undefined },
): Promise<object> {
  if (typ === TYP.envelope) return verifyEnvelope(jwt, jwks);
  const { issuer = tokenParts(jwt, TYP.receipt).iss, envelope } = expected;
  return verifyReceipt(jwt, jwks, { issuer, ...(envelope === undefined ? {} : { envelope }) });
}

async function readToken(path: string): Promise<string> {
  return (path === '-' ? await readStdin() : await readText(path, 'The token')).trim();
}

function textOf(kind: string, kid: string, claims: object): string {
  return [
    `${pc.green('✓')} ${pc.bold(kind)} verified ${pc.dim(`with key ${kid}`)}`,
    table(
      Object.entries(claims).map(([name, value]) => [
        pc.dim(name),
        `${shown(value)}${timeOf(name, value)}`,
      ]),
      '  ',
    ),
  ].join('\n');
}

function timeOf(name: string, value: unknown): string {
  if (!['iat', 'exp', 'nbf'].includes(name) || typeof value !== 'number') return '';
  return pc.dim(`  ${new Date(value * 1000).toISOString()}`);
}

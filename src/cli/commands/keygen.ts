import { basename, dirname, relative, resolve } from 'node:path';
import pc from 'picocolors';
import {
  Identity,
  isSealAlg,
  isSignAlg,
  SEAL_ALGS,
  type SealAlg,
  SIGN_ALGS,
  type SignAlg,
} from '../../client/index.js';
import { isPartnerId } from '../../envelope/index.js';
import type { Command, Line } from '../command.js';
import type { Desk } from '../desk.js';
import { UsageFault } from '../failures.js';
import { readProfile, writeProfile, profilePath } from '../profile.js';
import { table } from '../out.js';
import { writeNew } from '../files.js';

interface Made {
  readonly use: 'sig' | 'enc';
  readonly alg: string;
  readonly jkt: string;
  readonly file: string;
  readonly publicJwk: object;
}

export const keygen: Command = {
  name: 'keygen',
  says: 'Makes key pairs and the profile that uses them',
  takes: '<partner id>',
  teaches: `A partner signs with a key that nobody else has, and can be sealed to with a second one.
The private JWKs go to ./.sealpost/<id>.sig.jwk and <id>.enc.jwk, for your eyes only; what is
printed is public. The profile ./.sealpost/<id>.json remembers who you are and where the keys lie.`,
  options: {
    alg: {
      type: 'string',
      value: '<alg>',
      says: `Signs: ${SIGN_ALGS.join(', ')}. Default Ed25519`,
    },
    enc: {
      type: 'string',
      value: '<alg>',
      says: `Is sealed to: ${SEAL_ALGS.join(', ')}. Default none`,
    },
    crv: { type: 'string', value: '<curve>', says: 'For ECDH-ES: P-256 or X25519. Default P-256' },
    kid: {
      type: 'string',
      value: '<kid>',
      says: 'Name of the signing key. Default its thumbprint',
    },
    out: { type: 'string', value: '<file>', says: 'One key to this file, and no profile' },
  },
  examples: [
    { says: 'A key that signs', line: 'sealpost keygen alice' },
    {
      says: 'One for signing, one for sealing',
      line: 'sealpost keygen bob --alg ES256 --enc ECDH-ES+A256KW',
    },
    { says: 'A key to rotate to', line: 'sealpost keygen --out alice-2.jwk' },
  ],
  async run(line, desk) {
    line.atMost(1);
    const made =
      line.text('out') === undefined ? await forPartner(line, desk) : [await alone(line)];
    desk.out.result({ keys: made }, () => shownKeys(made));
  },
};

async function forPartner(line: Line, desk: Desk): Promise<Made[]> {
  const id = line.word(0, 'the partner id');
  if (!isPartnerId(id))
    throw new UsageFault(
      `"${id}" cannot be a partner id`,
      '1 to 63 of a-z, 0-9 and hyphens inside, for example acme-billing.',
    );
  const profile = profilePath(line.text('profile') ?? id);
  const stem = resolve(dirname(profile), basename(profile, '.json'));
  const made = [await make(line, 'sig', `${stem}.sig.jwk`)];
  if (line.text('enc') !== undefined) made.push(await make(line, 'enc', `${stem}.enc.jwk`));
  const before = await readProfile(profile).catch(() => undefined);
  const url = line.text('url') ?? before?.url;
  await writeProfile(profile, {
    id,
    ...(url === undefined ? {} : { url }),
    keys: made.map(({ file }) => basename(file)),
  });
  desk.out.note(`Profile ${shownPath(profile)}. Next: sealpost register --contact <address>`);
  return made;
}

function alone(line: Line): Promise<Made> {
  const use = line.text('enc') === undefined ? 'sig' : 'enc';
  return make(line, use, resolve(line.text('out') ?? ''));
}

async function make(line: Line, use: 'sig' | 'enc', file: string): Promise<Made> {
  const alg = use === 'sig' ? signAlgOf(line) : sealAlgOf(line);
  const kid = use === 'sig' ? line.text('kid') : undefined;
  const crv = use === 'enc' ? curveOf(line.text('crv')) : undefined;
  const { privateJwk, publicJwk, jkt } = await Identity.generateKey(use, alg, {
    ...(kid === undefined ? {} : { kid }),
    ...(crv === undefined ? {} : { crv }),
  });
  await writeNew(file, privateJwk);
  return { use, alg, jkt, file, publicJwk };
}

function signAlgOf(line: Line): SignAlg {
  const alg = line.text('alg') ?? 'Ed25519';
  if (isSignAlg(alg)) return alg;
  throw new UsageFault(`Nothing signs with "${alg}"`, `Known: ${SIGN_ALGS.join(', ')}`);
}

function sealAlgOf(line: Line): SealAlg {
  const alg = line.text('enc');
  if (isSealAlg(alg)) return alg;
  throw new UsageFault(`Nothing is sealed with "${alg}"`, `Known: ${SEAL_ALGS.join(', ')}`);
}

function curveOf(crv: string | undefined): 'P-256' | 'X25519' | undefined {
  if (crv === undefined || crv === 'P-256' || crv === 'X25519') return crv;
  throw new UsageFault(`"${crv}" is not a curve for sealing`, 'Known: P-256, X25519');
}

function shownKeys(made: readonly Made[]): string {
  return made
    .map(({ use, alg, jkt, file, publicJwk }) =>
      table([
        [pc.bold(use === 'sig' ? 'Signs' : 'Is sealed to'), alg],
        ['thumbprint', pc.cyan(jkt)],
        ['private', `${shownPath(file)} ${pc.dim('(mode 0600; never leaves this machine)')}`],
        ['public', JSON.stringify(publicJwk)],
      ]),
    )
    .join('\n\n');
}

function shownPath(path: string): string {
  const short = relative('.', path);
  return short.startsWith('..') ? path : short;
}

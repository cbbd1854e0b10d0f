import pc from 'picocolors';
import type { Command, Option } from './command.js';
import { table } from './out.js';

/** Options that every command takes. */
export const COMMON: Readonly<Record<string, Option>> = {
  profile: {
    type: 'string',
    short: 'p',
    value: '<name|file>',
    says: 'Who you are: ./.sealpost/<name>.json, or $SEALPOST_PROFILE',
  },
  url: {
    type: 'string',
    value: '<url>',
    says: 'Which exchange; else that of the profile, $SEALPOST_URL, http://localhost:3000',
  },
  json: { type: 'boolean', says: 'One line of JSON per result, for scripts' },
  help: { type: 'boolean', short: 'h', says: 'This page' },
};

export function helpOf(command: Command): string {
  const { name, says, takes, teaches, options, examples } = command;
  return [
    `${pc.bold(`sealpost ${name}`)} ${takes}`.trimEnd(),
    '',
    `${says}.`,
    ...(teaches === '' ? [] : ['', teaches]),
    ...(Object.keys(options).length === 0 ? [] : ['', pc.bold('Options'), optionRows(options)]),
    '',
    pc.bold('Everywhere'),
    optionRows(COMMON),
    '',
    pc.bold('Examples'),
    ...examples.map(({ says: what, line }) => `  ${pc.dim(`# ${what}`)}\n  ${pc.cyan(line)}`),
  ].join('\n');
}

function optionRows(options: Readonly<Record<string, Option>>): string {
  return table(
    Object.entries(options).map(([name, { short, value, says }]) => [
      `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
      says,
    ]),
    '  ',
  );
}

const START = [
  ['npm start', 'an exchange on this machine, in another terminal'],
  ['sealpost keygen alice', "alice's key and profile; the same for bob"],
  ['sealpost register -p alice --contact ops@alice.example', 'asks to become a partner'],
  ['sealpost approve alice', "the operator's answer, with the key in ./.data"],
  ['sealpost grant alice "invoice.*" -p bob', 'bob lets alice send him invoices'],
  ['sealpost listen --add -p bob', "a webhook of bob's, or: sealpost poll -p bob"],
  [`sealpost send bob invoice.created '{"amount":12}' -p alice`, 'a signed envelope on its way'],
] as const;

export function overview(commands: readonly Command[]): string {
  return [
    `${pc.bold('sealpost')} <command> [options]`,
    '',
    'Sends, receives and checks signed envelopes at a Sealpost exchange.',
    '',
    pc.bold('Commands'),
    table(
      commands.map(({ name, says }) => [pc.cyan(name), says]),
      '  ',
    ),
    '',
    pc.bold('From nothing to a delivered envelope'),
    table(
      START.map(([line, says]) => [pc.cyan(line), pc.dim(says)]),
      '  ',
    ),
    '',
    `${pc.bold('Exit codes')}  0 done   1 refused   2 wrong command line or file   3 no exchange answers`,
    `${pc.bold('Files')}       ./.sealpost/<name>.json and <name>.*.jwk: yours alone (mode 0600), never shown`,
    '',
    'sealpost <command> --help teaches one command.',
  ].join('\n');
}

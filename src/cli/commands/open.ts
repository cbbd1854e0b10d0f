import pc from 'picocolors';
import { type Message, tokenParts } from '../../client/index.js';
import { TYP } from '../../envelope/index.js';
import type { Command } from '../command.js';
import { readStdin, readText } from '../files.js';
import { shown, table } from '../out.js';

export const open: Command = {
  name: 'open',
  says: 'Opens an envelope that was sealed to you',
  takes: '<file | ->',
  teaches: `Verifies the envelope and the signed message inside it, and that both say the same, then prints the
content. The exchange cannot do that: the key that opens never leaves this machine. An envelope that was
kept is judged as of the time when it was signed.`,
  options: {
    message: {
      type: 'boolean',
      says: 'Prints the signed message itself: what proves to others who said this',
    },
  },
  examples: [
    { says: 'What came while you looked away', line: 'sealpost open envelope.jwt' },
    {
      says: 'Out of the inbox, without acknowledging',
      line: 'sealpost poll --once --no-ack --json | jq -r .envelope | sealpost open -',
    },
    {
      says: 'Evidence for your lawyer',
      line: 'sealpost open envelope.jwt --message > message.jwt',
    },
  ],
  async run(line, desk) {
    line.atMost(1);
    const file = line.word(0, 'the file');
    const envelope = (file === '-' ? await readStdin() : await readText(file, 'It')).trim();
    tokenParts(envelope, TYP.envelope);
    const { content } = await desk.receiver();
    const message = await content.asOfSigning(envelope);
    if (line.flag('message')) {
      desk.out.result({ message: message.evidence.message }, () => message.evidence.message ?? '');
      return;
    }
    const { evidence: _evidence, ...opened } = message;
    desk.out.result({ opened }, () => textOf(message));
  },
};

function textOf(message: Message): string {
  const { from, type, jti, sealed, sentAt, data } = message;
  const how = sealed ? 'sealed for you, opened' : 'not sealed';
  return [
    `${pc.green('✓')} ${pc.bold(from)}  ${pc.cyan(shown(type))}  ${pc.dim(how)}`,
    table(
      [
        [pc.dim('jti'), shown(jti)],
        [pc.dim('sent'), sentAt.toISOString()],
      ],
      '  ',
    ),
    `  ${shown(data)}`,
  ].join('\n');
}

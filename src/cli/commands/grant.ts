import pc from 'picocolors';
import type { Command } from '../command.js';
import { table } from '../out.js';

interface GrantAnswer {
  readonly sender: string;
  readonly types: readonly string[];
  readonly sealedOnly: boolean;
  readonly algorithms?: readonly string[];
}

export const grant: Command = {
  name: 'grant',
  says: 'Lets a sender send you these types, withdraws that, or lists whom you let',
  takes: '[sender] [type ...]',
  teaches: `Nobody may send you anything until you say so. Types are exact names, or prefixes that end in "*".
A grant replaces the one before it. Once a withdrawal is answered, nothing more of that sender is
accepted or begins to be delivered.`,
  options: {
    'sealed-only': { type: 'boolean', says: 'Takes only content that is sealed to you' },
    withdraw: { type: 'boolean', says: 'Takes the grant back' },
  },
  examples: [
    { says: 'Alice may send invoices', line: 'sealpost grant alice "invoice.*"' },
    {
      says: 'Two types, sealed',
      line: 'sealpost grant alice invoice.created invoice.paid --sealed-only',
    },
    { says: 'No longer', line: 'sealpost grant alice --withdraw' },
    { says: 'Whom do I let?', line: 'sealpost grant' },
  ],
  async run(line, desk) {
    const session = await desk.session();
    const sender = line.maybeWord(0);
    if (sender === undefined) {
      const answer = await session.call<{ items: GrantAnswer[] }>('GET', '/v1/grants?limit=100');
      const none = 'Nobody may send you anything yet: sealpost grant <sender> <type>';
      desk.out.result(answer, () =>
        answer.items.length === 0 ? none : table(answer.items.map(row)),
      );
      return;
    }
    const path = `/v1/grants/${encodeURIComponent(sender)}`;
    if (line.flag('withdraw')) {
      line.atMost(1);
      await session.call('DELETE', path);
      desk.out.result(
        { sender, withdrawn: true },
        () => `${pc.bold(sender)}  ${pc.yellow('withdrawn')}`,
      );
      return;
    }
    line.word(1, 'the type');
    const answer = await session.call<GrantAnswer>('PUT', path, {
      json: { types: line.wordsFrom(1), sealedOnly: line.flag('sealed-only') },
    });
    desk.out.result(answer, () => table([row(answer)]));
  },
};

function row({ sender, types, sealedOnly, algorithms }: GrantAnswer): string[] {
  const only = [sealedOnly ? 'sealed only' : '', algorithms?.join(', ') ?? ''].filter(Boolean);
  return [pc.bold(sender), 'may send', types.join(', '), only.join('; ')];
}

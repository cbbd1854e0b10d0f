import pc from 'picocolors';
import type { Command } from '../command.js';
import { OPERATOR_OPTION } from '../desk.js';
import { table } from '../out.js';

interface InviteAnswer {
  readonly id: string;
  readonly invite: string;
  readonly expiresAt: string;
}

export const invite: Command = {
  name: 'invite',
  says: 'As the operator: makes an invite that makes a partner active at once',
  takes: '<partner id>',
  teaches: `It is shown once, holds for one registration of this id, and expires. For an id that exists it
replaces all keys of a partner that lost them.`,
  options: {
    expires: {
      type: 'string',
      value: '<time>',
      says: 'A minute to 30 days: 15m, 12h, 7d. Default 7d',
    },
    ...OPERATOR_OPTION,
  },
  examples: [
    { says: 'For a week', line: 'sealpost invite alice' },
    { says: 'Only the invite, for a script', line: 'sealpost invite alice --expires 1h --json' },
  ],
  async run(line, desk) {
    line.atMost(1);
    const id = line.word(0, 'the partner id');
    const expiresInSeconds = line.seconds('expires');
    const operator = await desk.operator();
    const answer = await operator.call<InviteAnswer>('POST', '/v1/invites', {
      json: { id, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) },
    });
    desk.out.result(answer, () =>
      table([
        ['invite', pc.cyan(answer.invite)],
        ['for', answer.id],
        ['until', answer.expiresAt],
      ]),
    );
    desk.out.note(`They type: sealpost register --contact <address> --invite ${answer.invite}`);
  },
};

import pc from 'picocolors';
import type { Session } from '../../client/index.js';
import type { Command, Line } from '../command.js';
import { UsageFault } from '../failures.js';
import { table } from '../out.js';

interface EndpointAnswer {
  readonly id: string;
  readonly url: string;
  readonly types: readonly string[];
  readonly senders: readonly string[];
  readonly status: string;
  readonly statusReason?: string;
}

type Answer = EndpointAnswer | { readonly items: readonly EndpointAnswer[] } | object;
const PATH = '/v1/endpoints';

export const endpoint: Command = {
  name: 'endpoint',
  says: 'Your webhooks: add, list, remove, verify, enable',
  takes: 'add <url> | list | remove <id> | verify <id> | enable <id>',
  teaches: `Envelopes that match an active endpoint are pushed there; all others wait in your inbox for "poll".
A new endpoint gets one challenge. Whoever answers it shows that the URL is theirs: "sealpost listen"
does so by itself; else hand the challenge in with verify.`,
  options: {
    types: {
      type: 'string',
      multiple: true,
      value: '<type,…>',
      says: 'Only these types or prefixes. Default all',
    },
    senders: {
      type: 'string',
      multiple: true,
      value: '<id,…>',
      says: 'Only of these. Default all granted',
    },
    challenge: {
      type: 'string',
      value: '<text>',
      says: 'With verify: what came; without it another is sent',
    },
  },
  examples: [
    {
      says: 'All invoices to a webhook',
      line: 'sealpost endpoint add https://hooks.bob.example/in --types "invoice.*"',
    },
    { says: 'What have I got?', line: 'sealpost endpoint list' },
    { says: 'Send the challenge again', line: 'sealpost endpoint verify 0199f3a0-…' },
    { says: 'What waits for it goes to the inbox', line: 'sealpost endpoint remove 0199f3a0-…' },
  ],
  async run(line, desk) {
    const action = line.word(0, 'add, list, remove, verify or enable');
    const answer = await act(action, line, await desk.session());
    desk.out.result(answer, () => textOf(answer));
    if (action === 'add')
      desk.out.note('A challenge is on its way there. Then it is active: sealpost endpoint list');
  },
};

async function act(action: string, line: Line, session: Session): Promise<Answer> {
  line.atMost(action === 'list' ? 1 : 2);
  switch (action) {
    case 'add':
      return session.call<EndpointAnswer>('POST', PATH, { json: bodyOf(line) });
    case 'list':
      return session.call<{ items: EndpointAnswer[] }>('GET', `${PATH}?limit=100`);
    case 'remove':
      await session.call('DELETE', pathOf(line));
      return { id: line.word(1, 'the id'), removed: true };
    case 'verify': {
      const challenge = line.text('challenge');
      const json = challenge === undefined ? {} : { challenge };
      return session.call<EndpointAnswer>('POST', `${pathOf(line)}/verify`, { json });
    }
    case 'enable':
      return session.call<EndpointAnswer>('POST', `${pathOf(line)}/enable`);
    default:
      throw new UsageFault(`"${action}" is nothing an endpoint does`, endpoint.takes);
  }
}

function pathOf(line: Line): string {
  return `${PATH}/${encodeURIComponent(line.word(1, 'the id'))}`;
}

function bodyOf(line: Line): object {
  const types = line.list('types');
  const senders = line.list('senders');
  return {
    url: line.word(1, 'the url'),
    ...(types === undefined ? {} : { types }),
    ...(senders === undefined ? {} : { senders }),
  };
}

function textOf(answer: Answer): string {
  if ('items' in answer)
    return answer.items.length === 0 ? 'No endpoint yet.' : table(answer.items.map(row));
  if ('url' in answer) return table([row(answer)]);
  return 'Removed.';
}

function row({ id, url, types, senders, status, statusReason }: EndpointAnswer): string[] {
  const colour = status === 'active' ? pc.green : pc.yellow;
  const why = statusReason === undefined ? '' : ` (${statusReason})`;
  return [
    id,
    colour(`${status}${why}`),
    url,
    types.join(', '),
    senders.length === 0 ? '' : `from ${senders.join(', ')}`,
  ];
}

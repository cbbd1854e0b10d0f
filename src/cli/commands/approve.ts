import pc from 'picocolors';
import type { Session } from '../../client/index.js';
import type { Command } from '../command.js';
import { type Desk, OPERATOR_OPTION } from '../desk.js';
import { UsageFault } from '../failures.js';
import { shown, table } from '../out.js';

interface Waiting {
  readonly registrationId: string;
  readonly name: string;
  readonly contact: string;
  readonly createdAt: string;
  readonly keys: readonly { readonly use: string; readonly alg: string; readonly jkt: string }[];
}

interface PartnerAnswer {
  readonly id: string;
  readonly status: string;
  readonly registrations?: readonly Waiting[];
}

export const approve: Command = {
  name: 'approve',
  says: 'As the operator: makes a registration an active partner, or lists what waits',
  takes: '[partner id]',
  teaches: `Compare the thumbprint with what the partner tells you over another channel before you approve.
Several may ask for one id: then say which with --registration.`,
  options: {
    registration: {
      type: 'string',
      value: '<id>',
      says: 'Which one, when several wait for the id',
    },
    jkt: { type: 'string', value: '<thumbprint>', says: 'Approves only the one with this key' },
    rs256: { type: 'boolean', says: 'Lets the partner use RS256 keys' },
    ...OPERATOR_OPTION,
  },
  examples: [
    { says: 'Who waits?', line: 'sealpost approve' },
    { says: 'Yes to alice', line: 'sealpost approve alice' },
    {
      says: 'From another machine',
      line: 'sealpost approve alice --url https://exchange.example --operator-key operator.jwk',
    },
  ],
  async run(line, desk) {
    line.atMost(1);
    const operator = await desk.operator();
    const id = line.maybeWord(0);
    if (id === undefined) return listWaiting(operator, desk);
    const path = `/v1/partners/${encodeURIComponent(id)}`;
    const { registrations = [] } = await operator.call<PartnerAnswer>('GET', path);
    const wanted = which(registrations, line.text('registration'), line.text('jkt'));
    const registrationId = wanted?.registrationId ?? line.text('registration');
    const partner = await operator.call<PartnerAnswer>('POST', `${path}/approve`, {
      json: {
        ...(registrationId === undefined ? {} : { registrationId }),
        ...(line.flag('rs256') ? { rs256: true } : {}),
      },
    });
    desk.out.result(partner, () =>
      table([
        [pc.bold(partner.id), pc.green(partner.status)],
        ...(wanted === undefined ? [] : keyRows(wanted)),
      ]),
    );
  },
};

/** The one that was looked at is the one that is approved. */
function which(
  registrations: readonly Waiting[],
  registrationId: string | undefined,
  jkt: string | undefined,
): Waiting | undefined {
  const fits = registrations.filter(
    (one) =>
      (registrationId === undefined || one.registrationId === registrationId) &&
      (jkt === undefined || one.keys.some((key) => key.jkt === jkt)),
  );
  if (fits.length > 1)
    throw new UsageFault(
      `${fits.length} registrations wait for this id`,
      `Choose with --registration or --jkt:\n${shownWaiting(fits)}`,
    );
  if (fits.length === 0 && jkt !== undefined)
    throw new UsageFault('No registration with this thumbprint waits for this id');
  return fits[0];
}

async function listWaiting(operator: Session, desk: Desk): Promise<void> {
  const waiting: (Waiting & { id: string })[] = [];
  let after: string | undefined;
  do {
    const query: string = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
    const page = await operator.call<{ items: PartnerAnswer[]; next?: string }>(
      'GET',
      `/v1/partners?limit=100${query}`,
    );
    for (const { id, registrations = [] } of page.items)
      waiting.push(...registrations.map((one) => ({ id, ...one })));
    after = page.next;
  } while (after !== undefined);
  desk.out.result({ items: waiting }, () =>
    waiting.length === 0
      ? 'Nobody waits.'
      : waiting.map((one) => `${pc.bold(one.id)}\n${shownWaiting([one])}`).join('\n'),
  );
}

function shownWaiting(registrations: readonly Waiting[]): string {
  return registrations
    .map((one) =>
      table(
        [
          ['registration', one.registrationId],
          ['name', shown(one.name)],
          ['contact', shown(one.contact)],
          ['since', one.createdAt],
          ...keyRows(one),
        ],
        '  ',
      ),
    )
    .join('\n\n');
}

function keyRows({ keys }: Waiting): string[][] {
  return keys.map(({ use, alg, jkt }) => [use, `${alg}  ${pc.cyan(jkt)}`]);
}

import pc from 'picocolors';
import type { Command } from '../command.js';
import { UsageFault } from '../failures.js';
import { table } from '../out.js';
import { writeProfile } from '../profile.js';

interface RegistrationAnswer {
  readonly id: string;
  readonly status: string;
  readonly registrationId?: string;
  readonly keys: readonly { readonly use: string; readonly alg: string; readonly jkt: string }[];
}

export const register: Command = {
  name: 'register',
  says: 'Asks an exchange to take you as a partner',
  takes: '',
  teaches: `Sends your public keys, each with a proof that you hold it. Private keys stay here.
Until the operator approves you are pending; with an invite you are active at once. Tell the operator
the thumbprint over another channel: that is how they know it is you.`,
  options: {
    contact: { type: 'string', value: '<address>', says: 'Whom the operator can reach; needed' },
    name: { type: 'string', value: '<name>', says: 'For people. Default your id' },
    invite: { type: 'string', value: '<invite>', says: 'From the operator' },
  },
  examples: [
    {
      says: 'At the exchange on this machine',
      line: 'sealpost register --contact ops@alice.example',
    },
    {
      says: 'At another, with an invite',
      line: 'sealpost register --url https://exchange.example --contact ops@alice.example --invite pY8x…',
    },
  ],
  async run(line, desk) {
    line.atMost(0);
    const contact = line.text('contact');
    if (contact === undefined)
      throw new UsageFault('--contact is missing', 'For example --contact ops@alice.example');
    const session = await desk.session();
    const invite = line.text('invite');
    const json = await session.identity.registration(
      {
        name: line.text('name') ?? session.identity.id,
        contact,
        ...(invite === undefined ? {} : { invite }),
      },
      await session.exchange.issuer(),
    );
    const answer = await session.exchange.call<RegistrationAnswer>('POST', '/v1/partners', {
      json,
    });
    const { path, profile } = await desk.profile();
    await writeProfile(path, { ...profile, url: session.exchange.url });
    desk.out.result(answer, () =>
      table([
        [
          pc.bold(answer.id),
          answer.status === 'active' ? pc.green('active') : pc.yellow(answer.status),
        ],
        ...answer.keys.map(({ use, alg, jkt }) => [use, `${alg}  ${pc.cyan(jkt)}`]),
        ...(answer.registrationId === undefined ? [] : [['registration', answer.registrationId]]),
      ]),
    );
    if (answer.status === 'pending')
      desk.out.note(`The operator has to say yes: sealpost approve ${answer.id}`);
  },
};

import type { Command } from '../command.js';
import { OPERATOR_OPTION } from '../desk.js';

export const token: Command = {
  name: 'token',
  says: 'Prints an access token for calling the HTTP API yourself',
  takes: '',
  teaches:
    'It is good for ten minutes and for nobody but you: it goes into "Authorization: Bearer …".',
  options: {
    operator: { type: 'boolean', says: "The operator's token instead of the profile's" },
    ...OPERATOR_OPTION,
  },
  examples: [
    {
      says: 'With curl',
      line: 'curl -H "authorization: Bearer $(sealpost token)" http://localhost:3000/v1/envelopes',
    },
    { says: "The operator's, for Swagger UI's Authorize", line: 'sealpost token --operator' },
  ],
  async run(line, desk) {
    line.atMost(0);
    const session = line.flag('operator') ? await desk.operator() : await desk.session();
    const accessToken = await session.token();
    desk.out.result({ access_token: accessToken, token_type: 'Bearer' }, () => accessToken);
  },
};

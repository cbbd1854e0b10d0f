import { Body, Controller, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { Open, Refuses } from '../platform/index.js';
import { RegisterPartner } from './register-partner.js';
import { RegisterBody, RegistrationView } from './registration.dto.js';

/** Shows the form and is refused: proofs are made with a key, by `npx sealpost` for one. */
const NOT_REAL = {
  summary: 'Made up: refused with proof_invalid',
  value: {
    id: 'acme',
    name: 'Acme Billing',
    contact: 'ops@acme.example',
    jwks: {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: 'MhUf54o5doVzhmPjqzThemz4rB6trfWCEPK0jgncIQM',
          kid: 'acme-1',
          use: 'sig',
          alg: 'Ed25519',
        },
      ],
    },
    proofs: ['eyJub3QiOiJyZWFsIn0.eyJub3QiOiJyZWFsIn0.bm90LXJlYWw'],
    statements: [],
  },
};

@ApiTags('Onboarding')
@Controller('v1/partners')
export class RegistrationController {
  constructor(private readonly registration: RegisterPartner) {}

  /**
   * Register a service with the keys it proves to hold.
   *
   * It waits for the operator (`pending`), or is active at once with an invite. Pending reserves
   * neither id nor key.
   */
  @Post()
  @Open()
  @ApiBody({ type: RegisterBody, examples: { made: NOT_REAL } })
  @Refuses(
    'validation_failed',
    'forbidden',
    'id_taken',
    'key_rejected',
    'proof_invalid',
    'rate_limited',
    'too_large',
    'unsupported_media_type',
  )
  registerPartner(@Body() body: RegisterBody): Promise<RegistrationView> {
    return this.registration.run(body);
  }
}

import { Body, Controller, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Open, Refuses } from '../platform/index.js';
import { RegisterPartner } from './register-partner.js';
import { RegisterBody, RegistrationView } from './registration.dto.js';

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

import { Controller, Get, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Open } from '../http/caller.js';
import { Stopping } from '../stopping.js';
import { Health } from './health.js';
import { LiveView, ReadyView } from './health.dto.js';

@ApiTags('Health')
@Open()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: Health,
    private readonly stopping: Stopping,
  ) {}

  /** The process runs. */
  @Get('live')
  live(): LiveView {
    return { status: 'ok' };
  }

  /** The ledger, the queue and the exchange's keys are usable, and the process is not going down. */
  @Get('ready')
  @ApiResponse({ status: 200, type: ReadyView })
  @ApiResponse({ status: 503, type: ReadyView, description: 'A part is unusable' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadyView> {
    const parts = await this.health.report();
    const ready =
      !this.stopping.signal.aborted && Object.values(parts).every((state) => state === 'ok');
    if (!ready) reply.status(503);
    return { status: ready ? 'ok' : 'unusable', parts };
  }
}

import { Controller, Get, Header } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { Open } from '../http/caller.js';
import { Metrics } from './metrics.js';

@ApiTags('Health')
@Open()
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  /** Counters, gauges and histograms in Prometheus' text format. */
  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiProduces('text/plain')
  readMetrics(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}

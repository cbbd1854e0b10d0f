import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { createHash } from 'node:crypto';
import { REASONS } from '../../envelope/index.js';
import { Open } from './caller.js';

const ROWS = Object.entries(REASONS).map(
  ([code, { status, says }]) =>
    `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${says}.</td></tr>`,
);

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
td, th { text-align: left; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
tr:target { background: #fd05; }
`;

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sealpost error codes</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>${STYLE}</style></head><body>
<h1>Error codes</h1>
<p>Every refusal is RFC 9457 problem+json with one of these codes. A code never changes its meaning;
<code>detail</code> names the member or rule and never repeats what was sent.</p>
<table><thead><tr><th>code</th><th>status</th><th>means</th></tr></thead><tbody>
${ROWS.join('\n')}
</tbody></table></body></html>
`;

/** No script at all, and this style alone. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join('; ');

/** Where the `type` of a problem leads: one line for each code. */
@ApiExcludeController()
@Open()
@Controller('errors')
export class ErrorsController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', POLICY)
  errorCodes(): string {
    return PAGE;
  }
}

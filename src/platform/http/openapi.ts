import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { REASONS } from '../../envelope/index.js';

const DESCRIPTION = `Partners sign and the exchange verifies, when it accepts and again before it delivers.

Signed values (proofs, statements, assertions, envelopes) are made with a partner's own key: \`npx sealpost\`
or \`npm run demo\` show how. Errors are RFC 9457 problem+json with a stable \`code\`.`;

/** The OpenAPI 3.1 document, generated from the code. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Sealpost')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'at+jwt' }, 'token')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (_controller, method) => method,
  });
  document.components ??= {};
  document.components.schemas = { ...document.components.schemas, Problem: PROBLEM };
  return document;
}

/** Swagger UI at /docs, served locally, and the document at /openapi.json. */
export function serveOpenApi(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    customSiteTitle: 'Sealpost',
    swaggerOptions: {
      persistAuthorization: true,
      displayRequestDuration: true,
      docExpansion: 'list',
    },
  });
}

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'title', 'status', 'code', 'instance'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Where the code is explained' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(REASONS) },
    detail: {
      type: 'string',
      description: 'Names the member or rule; never repeats what was sent',
    },
    instance: { type: 'string', description: 'The request id, for whoever runs the exchange' },
  },
};

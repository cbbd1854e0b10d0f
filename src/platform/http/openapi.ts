import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { REASONS } from '../../envelope/index.js';
import { refusalOf } from './refuses.js';

const DESCRIPTION = `Partners sign and the exchange verifies, when it accepts and again before it delivers.

Signed values (proofs, statements, assertions, envelopes) are made with a partner's own key: \`npx sealpost\`
or \`npm run demo\` show how. Errors are RFC 9457 problem+json with a stable \`code\`; a method that a path does
not take is \`method_not_allowed\`, with \`Allow\`.`;

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
  for (const operation of operationsOf(document)) {
    headline(operation);
    nameCommand(operation);
    if (operation.requestBody !== undefined) addRefusalsOfBodies(operation.responses);
  }
  document.components ??= {};
  document.components.schemas = { ...document.components.schemas, Problem: PROBLEM };
  return document;
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

function operationsOf(document: OpenAPIObject): Operation[] {
  return Object.values(document.paths).flatMap((item) =>
    [item.get, item.put, item.post, item.patch, item.delete].filter((one) => one !== undefined),
  );
}

/** A comment came as one summary: its first sentence is the headline, the rest is the description. */
function headline(operation: Operation): void {
  const text = operation.summary?.trim() ?? '';
  const [, first = text, rest = ''] = /^(.+?)[.;:](?:\s+(.+))?$/s.exec(text) ?? [];
  operation.summary = first.replaceAll(/\s+/g, ' ');
  const description = [rest, operation.description ?? ''].filter(Boolean).map(upperFirst);
  if (description.length > 0) operation.description = description.join('\n\n');
}

/** Signed values cannot be made in a text box: which command makes them, by operation. */
const COMMANDS: Readonly<Record<string, string>> = {
  registerPartner: 'sealpost register',
  approvePartner: 'sealpost approve',
  createInvite: 'sealpost invite',
  issueToken: 'sealpost token',
  putGrant: 'sealpost grant',
  createEndpoint: 'sealpost endpoint add',
  sendEnvelopes: 'sealpost send',
  getEnvelope: 'sealpost status',
  listReceipts: 'sealpost receipts',
  pollInbox: 'sealpost poll',
  postReceipts: 'sealpost poll',
};

function nameCommand(operation: Operation): void {
  const command = COMMANDS[operation.operationId ?? ''];
  const needsToken = (operation.security ?? []).length > 0;
  const says = [
    ...(command === undefined ? [] : [`On the command line: \`npx ${command}\`.`]),
    ...(needsToken
      ? ['The access token for "Authorize" is what `npx sealpost token` prints.']
      : []),
  ];
  if (says.length === 0) return;
  operation.description = [operation.description, says.join(' ')].filter(Boolean).join('\n\n');
}

/** What any route answers to a body that it cannot read, before it looks at it. */
const OF_BODIES = ['validation_failed', 'too_large', 'unsupported_media_type'] as const;

function addRefusalsOfBodies(responses: Operation['responses']): void {
  for (const code of OF_BODIES) responses[String(REASONS[code].status)] ??= refusalOf([code]);
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
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

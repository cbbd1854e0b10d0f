import type { IncomingMessage } from 'node:http';

/** A request of node:http, or of Express and Nest, which may have read its body already. */
export type RequestLike = IncomingMessage & {
  readonly rawBody?: unknown;
  readonly body?: unknown;
};

/** What is needed of Fastify. */
export interface FastifyLike {
  addContentTypeParser(
    type: string,
    options: { parseAs: 'string' },
    parser: (
      request: unknown,
      body: string,
      done: (error: Error | null, body?: string) => void,
    ) => void,
  ): unknown;
  post(
    path: string,
    handler: (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>,
  ): unknown;
}

interface FastifyRequestLike {
  readonly headers: Readonly<Record<string, string | string[] | undefined>> & {
    readonly 'content-type'?: string | undefined;
  };
  readonly body: unknown;
}

interface FastifyReplyLike {
  code(status: number): FastifyReplyLike;
  headers(headers: Record<string, string>): FastifyReplyLike;
  send(body: string): unknown;
}

const MAX_BYTES = 1_048_576;

/**
 * The body as it came, whoever read it: a body parser before us (express.raw, express.text, Nest's
 * rawBody), or nobody yet. Undefined when it is longer than any envelope.
 */
export async function bodyOf(request: RequestLike): Promise<string | undefined> {
  for (const read of [request.rawBody, request.body]) {
    if (typeof read === 'string') return read;
    // Not UTF-8: a byte that is no ASCII must stay one that no token has.
    if (Buffer.isBuffer(read)) return read.toString('latin1');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > MAX_BYTES) return undefined;
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('latin1');
}

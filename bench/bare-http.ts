import { fastify } from 'fastify';
import { answering } from './child.ts';

/** The floor of HTTP: takes a POST and answers 202, nothing more. */
const app = fastify();
app.addContentTypeParser('application/jwt', { parseAs: 'string' }, (_request, body, done) =>
  done(null, body),
);
app.post('/', (_request, reply) => reply.status(202).send());
const listening = app.listen({ port: 0, host: '127.0.0.1' });

answering(async () => ({ url: await listening }));
process.on('disconnect', () => process.exit(0));

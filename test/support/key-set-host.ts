import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SetAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never answers. */
  readonly hangs?: true;
}

/** A web server of a partner's own, with its JWK Set; can be told how to behave. */
export class KeySetHost {
  /** The headers of every request that came. */
  readonly asked: IncomingHttpHeaders[] = [];
  answer: (headers: IncomingHttpHeaders) => SetAnswer = () => ({});

  private constructor(private readonly server: Server) {}

  static async start(): Promise<KeySetHost> {
    const server = createServer();
    const host = new KeySetHost(server);
    server.on('request', (request, response) => {
      host.asked.push(request.headers);
      const { status = 200, headers = {}, body = '', hangs } = host.answer(request.headers);
      if (hangs) return;
      response.writeHead(status, { 'content-type': 'application/jwk-set+json', ...headers });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks.json`;
  }

  /** From now on this is the set. */
  publish(keys: readonly object[], headers: Readonly<Record<string, string>> = {}): void {
    const body = JSON.stringify({ keys });
    this.answer = () => ({ body, headers: { 'cache-control': 'max-age=0', ...headers } });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

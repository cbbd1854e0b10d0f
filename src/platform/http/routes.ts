import type { FastifyInstance } from 'fastify';

/** Which methods each path takes: so that a wrong method is told apart from a wrong path. */
export class Routes {
  readonly #routes: { readonly path: RegExp; readonly method: string }[] = [];

  /** Notes every route that is added from now on. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      if (url.includes('*')) return;
      const path = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:[A-Za-z]+/g, '[^/]+')}$`);
      for (const one of [method].flat()) this.#routes.push({ path, method: one });
    });
  }

  methodsOf(url: string): string[] {
    const path = url.split('?', 1)[0] ?? '';
    return [...new Set(this.#routes.filter((route) => route.path.test(path)).map((r) => r.method))];
  }
}

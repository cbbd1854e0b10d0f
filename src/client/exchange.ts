/** RFC 9457 problem details, as the exchange answers them. */
export interface ProblemDetails {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly instance?: string;
  readonly [member: string]: unknown;
}

/** The exchange refused. Programs look at `code`, which never changes its meaning. */
export class ExchangeRefused extends Error {
  override readonly name = 'ExchangeRefused';

  constructor(
    readonly problem: ProblemDetails,
    /** When the exchange asks to come again; undefined where it does not. */
    readonly retryAfterMs?: number,
  ) {
    super(
      `${problem.status} ${problem.code}: ${problem.title}` +
        (problem.detail === undefined ? '' : ` (${problem.detail})`),
    );
  }

  get code(): string {
    return this.problem.code;
  }
}

export interface Call {
  readonly token?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, with its content type. */
  readonly body?: { readonly type: string; readonly text: string };
  readonly signal?: AbortSignal;
}

/** `GET /.well-known/sealpost`, as far as clients rely on it. */
export interface Description {
  readonly issuer: string;
  readonly [member: string]: unknown;
}

/** The HTTP API of one exchange. */
export class Exchange {
  #description: Promise<Description> | undefined;

  /**
   * @param url where the exchange is reached, e.g. `http://localhost:3000`
   * @param pinnedIssuer its issuer URL, if that is known from elsewhere: then it is not asked for
   */
  constructor(
    readonly url: string,
    private readonly pinnedIssuer?: string,
  ) {}

  /** What the exchange says of itself; asked once. `issuer` is what goes into `via` and `aud`. */
  describe(): Promise<Description> {
    this.#description ??= this.call<Description>('GET', '/.well-known/sealpost').catch(
      (error: unknown) => {
        this.#description = undefined;
        throw error;
      },
    );
    return this.#description;
  }

  async issuer(): Promise<string> {
    return this.pinnedIssuer ?? (await this.describe()).issuer;
  }

  /**
   * One call. Answers the parsed JSON body, or undefined where there is none. Throws ExchangeRefused for
   * any status of 400 and above, and what `fetch` throws when the exchange cannot be reached.
   */
  async call<Answer>(method: string, path: string, call: Call = {}): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      redirect: 'error',
      ...requestOf(call),
    });
    const text = await response.text();
    const answer: unknown = text === '' ? undefined : parse(text);
    if (response.status >= 400) throw refusalOf(response, answer);
    // The caller names the shape that DESIGN.md gives for this route.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by tests, not here
    return answer as Answer;
  }
}

function requestOf({ token, json, body, signal }: Call): RequestInit {
  const type = body?.type ?? (json === undefined ? undefined : 'application/json');
  return {
    headers: {
      accept: 'application/json, application/problem+json',
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(type === undefined ? {} : { body: body?.text ?? JSON.stringify(json) }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalOf({ status, headers }: Response, answer: unknown): ExchangeRefused {
  return new ExchangeRefused(problemOf(status, answer), waitAsked(headers.get('retry-after')));
}

/** RFC 9110 section 10.2.3: seconds or a date. */
function waitAsked(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** Problem details, or OAuth's and RFC 8936's own error bodies in the same form. */
function problemOf(status: number, answer: unknown): ProblemDetails {
  const members: Record<string, unknown> =
    typeof answer === 'object' && answer !== null ? { ...answer } : {};
  const code = members['code'] ?? members['error'] ?? members['err'];
  const title = members['title'] ?? members['error_description'] ?? members['description'];
  return {
    ...members,
    status,
    code: typeof code === 'string' ? code : `http_${status}`,
    title: typeof title === 'string' ? title : `HTTP status ${status}`,
  };
}

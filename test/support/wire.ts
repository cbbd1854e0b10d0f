import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { ISSUER } from './world.js';

/** An answer as it came over the wire. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON body; empty when there is none. */
  readonly body: Record<string, unknown>;
}

export interface Wanted {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Sent as it is; with `type` as its content type, if any. */
  readonly text?: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
}

/** One request as given, whatever it is; never throws for a status. */
export async function request(
  url: string,
  method: string,
  path: string,
  { token, headers = {}, json, text, type }: Wanted = {},
): Promise<Answered> {
  const body = text ?? (json === undefined ? undefined : JSON.stringify(json));
  const contentType = type ?? (json === undefined ? undefined : 'application/json');
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  return answered(response.status, response.headers, await response.text());
}

function answered(status: number, headers: Headers, text: string): Answered {
  return { status, headers, text, body: parse(text) };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** What no HTTP client sends: bytes as they are, on a connection of their own, until the answer is whole. */
export function raw(url: string, bytes: string): Promise<Answered> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let came = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('data', (text) => {
      came += text;
      if (isWhole(came)) socket.destroy();
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(readRaw(came)));
    // Never half-closed: Node drops a request whose client will not send more.
    socket.write(bytes);
  });
}

function isWhole(came: string): boolean {
  const { headers, text } = readRaw(came);
  if (headers.get('transfer-encoding') === 'chunked') return text.endsWith('0\r\n\r\n');
  return Buffer.byteLength(text) >= Number(headers.get('content-length') ?? Infinity);
}

function readRaw(came: string): Answered {
  const [head = '', ...rest] = came.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const pairs = fields.map((field) => field.split(/: ?(.*)/s).slice(0, 2));
  const whole = rest.length > 0;
  const headers = new Headers(whole ? (pairs as [string, string][]) : []);
  return answered(Number(line.split(' ')[1] ?? 0), headers, rest.join('\r\n\r\n'));
}

/** Claims of a proof or statement by `id` about a key that hold for five minutes, with what differs. */
export function proofClaims(
  id: string,
  key: { readonly kid: string; readonly jkt: string },
  differing: Record<string, unknown> = {},
): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  const { kid, jkt } = key;
  const lifetime = { iat: now, exp: now + 300 };
  return { iss: id, sub: id, aud: ISSUER, jti: unique(), kid, jkt, ...lifetime, ...differing };
}

/** A text that was not there before. */
export function unique(): string {
  return randomBytes(12).toString('hex');
}

import type { Dispatcher } from 'undici';

export interface EgressAnswer {
  readonly status: number;
  /** Names in lower case, the first value of each, at most 100 of 1024 characters. Text of the other side. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most `maxResponseBytes` of it, read as UTF-8, never decompressed. Text of the other side. */
  readonly body: string;
  /** The body was larger, broke off or did not end in time. */
  readonly truncated: boolean;
}

const MAX_HEADERS = 100;
const MAX_HEADER_CHARS = 1024;

/**
 * Reads an answer whose status line has come: from here on nothing fails, for the status has been said. A body that
 * is too large or breaks off is cut, and its connection destroyed.
 */
export async function readAnswer(
  response: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<EgressAnswer> {
  const { statusCode: status, body: stream } = response;
  const headers = firstValues(response.headers);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let truncated = false;
  // Destroying the stream below makes it emit an error that nobody waits for.
  stream.on('error', () => undefined);
  try {
    for await (const chunk of stream) {
      const piece = toBuffer(chunk);
      chunks.push(piece.subarray(0, maxBytes - bytes));
      bytes += piece.length;
      if (bytes > maxBytes) break; // leaving the loop destroys the stream
    }
    truncated = bytes > maxBytes;
  } catch {
    truncated = true;
  }
  return { status, headers, body: Buffer.concat(chunks).toString('utf8'), truncated };
}

function toBuffer(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
}

function firstValues(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const entries = Object.entries(headers).slice(0, MAX_HEADERS);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      (Array.isArray(value) ? (value[0] ?? '') : (value ?? '')).slice(0, MAX_HEADER_CHARS),
    ]),
  );
}

/** Why a text is not strict JSON; callers turn it into the reason code of their place. */
export type JsonFaultKind =
  'syntax' | 'encoding' | 'duplicate' | 'member' | 'depth' | 'number' | 'string';

export class JsonFault extends Error {
  override readonly name = 'JsonFault';

  constructor(readonly kind: JsonFaultKind) {
    super(`not strict JSON: ${kind}`);
  }
}

/** Deep enough for any business document, shallow enough for every parser that comes after. */
export const MAX_JSON_DEPTH = 64;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Frame {
  /** Member names seen so far; undefined in an array. */
  readonly seen: Set<string> | undefined;
  /** Name under which this frame hangs in its parent. */
  readonly name: string | undefined;
}

/**
 * Parses UTF-8 JSON the way RFC 8725 section 3.7 and RFC 7515 section 10.12 want it, so that no two
 * parsers can read it differently: no BOM, no invalid UTF-8, no duplicate member, no `__proto__` or
 * `constructor.prototype`, at most MAX_JSON_DEPTH deep, finite numbers, no NUL or lone surrogate.
 *
 * Throws JsonFault and nothing else.
 */
export function parseStrictJson(input: Uint8Array | string): unknown {
  const text = typeof input === 'string' ? input : decode(input);
  if (text.startsWith('\uFEFF')) throw new JsonFault('encoding');
  scan(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new JsonFault('syntax');
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new JsonFault('encoding');
  }
}

/** Finds what JSON.parse would let through; leaves syntax to JSON.parse. Linear, without recursion. */
// oxlint-disable-next-line complexity -- one switch over what a character can be; parts would hide the whole
function scan(text: string): void {
  const frames: Frame[] = [];
  let lastString: string | undefined;
  let name: string | undefined;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(text, at);
        lastString = text.slice(at, end + 1);
        checkString(lastString);
        at = end;
        break;
      }
      case 0x3a: // ':'
        name = memberName(lastString, frames.at(-1));
        break;
      case 0x7b: // '{'
      case 0x5b: // '['
        if (frames.length >= MAX_JSON_DEPTH) throw new JsonFault('depth');
        frames.push({ seen: text[at] === '{' ? new Set() : undefined, name });
        name = undefined;
        break;
      case 0x7d: // '}'
      case 0x5d: // ']'
        frames.pop();
        break;
      case 0x2c: // ','
        name = undefined;
        break;
      case 0x30:
      case 0x31:
      case 0x32:
      case 0x33:
      case 0x34: // '0' to '9'
      case 0x35:
      case 0x36:
      case 0x37:
      case 0x38:
      case 0x39:
        at = endOfNumber(text, at);
        break;
      default:
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  if (end === -1) throw new JsonFault('syntax');
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

function checkString(quoted: string): void {
  if (!quoted.includes('\\u')) {
    if (!quoted.isWellFormed()) throw new JsonFault('string');
    return;
  }
  const value = unquote(quoted);
  if (value.includes('\0') || !value.isWellFormed()) throw new JsonFault('string');
}

function memberName(quoted: string | undefined, frame: Frame | undefined): string {
  if (quoted === undefined || frame?.seen === undefined) throw new JsonFault('syntax');
  const name = quoted.includes('\\') ? unquote(quoted) : quoted.slice(1, -1);
  if (name === '__proto__') throw new JsonFault('member');
  if (name === 'prototype' && frame.name === 'constructor') throw new JsonFault('member');
  if (frame.seen.has(name)) throw new JsonFault('duplicate');
  frame.seen.add(name);
  return name;
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw new JsonFault('syntax');
  }
}

const NUMBER = /[\d.eE+-]+/y;

// 1e400 parses to Infinity, which passes every "greater than now" check there is.
function endOfNumber(text: string, start: number): number {
  NUMBER.lastIndex = start;
  const token = NUMBER.exec(text)?.[0] ?? '';
  if (Math.abs(Number(token)) === Infinity) throw new JsonFault('number');
  return start + token.length - 1;
}

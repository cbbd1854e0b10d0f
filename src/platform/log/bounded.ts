const MAX_TEXT_CHARS = 1_000;
const MAX_ENTRIES = 30;
const MAX_DEPTH = 5;

/** The value as it may stand in a log line: short, shallow, without an end that never comes. Never throws. */
export function bounded(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return short(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  try {
    return members(value, depth + 1);
  } catch {
    return '…'; // a getter or a proxy that throws
  }
}

function members(value: object, depth: number): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((one) => bounded(one, depth));
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([name, one]) => [short(name), bounded(one, depth)]));
}

function short(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return `${text.slice(0, MAX_TEXT_CHARS)}… (${text.length} characters)`;
}

import pc from 'picocolors';

const ERASE_LINE = '\r\u001B[2K';

/** Where a command writes: results on stdout, everything else on stderr. With `--json` only JSON on stdout. */
export class Out {
  #progress = false;

  constructor(readonly json: boolean) {}

  /** A result: for programs as one line of JSON, for people as `text` says. */
  result(value: unknown, text: () => string): void {
    this.#line(process.stdout, this.json ? JSON.stringify(value) : text());
  }

  /** Something only a person wants to know, such as what to do next. */
  note(text: string): void {
    if (!this.json) this.#line(process.stderr, pc.dim(text));
  }

  /** Something that went wrong. */
  fault(value: unknown, text: () => string): void {
    this.#line(process.stderr, this.json ? JSON.stringify(value) : text());
  }

  /** One line that is overwritten by the next, in a terminal; nothing anywhere else. */
  progress(text: string): void {
    if (this.json || !process.stderr.isTTY) return;
    process.stderr.write(`${ERASE_LINE}${pc.dim(text)}`);
    this.#progress = true;
  }

  #line(stream: NodeJS.WriteStream, text: string): void {
    if (this.#progress) process.stderr.write(ERASE_LINE);
    this.#progress = false;
    stream.write(`${text}\n`);
  }
}

/** Columns aligned, two spaces apart; rows of different length are fine. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries())
      widths[at] = Math.max(widths[at] ?? 0, visibleLength(cell));
  return rows
    .map(
      (row) =>
        indent +
        row
          .map((cell, at) => pad(cell, widths[at] ?? 0))
          .join('  ')
          .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - visibleLength(cell)));
}

// Colours take no room on the screen.
// oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
const COLOUR = /\u001B\[[0-9;]*m/g;

function visibleLength(text: string): number {
  return text.replace(COLOUR, '').length;
}

/**
 * Text of somebody else for a terminal: control characters would move the cursor, colour the screen or
 * write to the title, so they are shown and not obeyed.
 */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /[\u0000-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

import pc from 'picocolors';
import { table } from '../out.js';

const INDENT = '     ';

/** One line under a step: what, how it went, and a word on it. */
export type Fact = readonly [what: string, result: string, remark?: string];

/** Shows the steps of the demo as they happen. */
export class Screen {
  #step = 0;
  #title = '';

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** One step: its title at once, its facts when they are known. Throws what `act` throws. */
  async step<Result>(
    title: string,
    why: string,
    act: (tell: (...facts: Fact[]) => void) => Promise<Result>,
  ): Promise<Result> {
    this.#title = `${++this.#step}  ${title}`;
    this.say(`\n${pc.bold(`  ${this.#title}`)}`);
    this.say(pc.dim(`${INDENT}${why}`));
    const facts: Fact[] = [];
    try {
      return await act((...more) => facts.push(...more));
    } finally {
      if (facts.length > 0) this.say(table(facts.map(shownFact), INDENT));
    }
  }

  /** Which step failed. */
  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `\n  ${pc.red(pc.bold(`✗ The demo failed in step ${this.#title || '0  Start'}`))}\n${INDENT}${message}\n`,
    );
  }
}

function shownFact([what, result, remark]: Fact): string[] {
  return [what, result, remark === undefined ? '' : pc.dim(remark)];
}

export const good = (text: string): string => pc.green(`✓ ${text}`);
/** A refusal is what a step wants to see: it is not shown as a fault. */
export const refused = (text: string): string => `${pc.green('✓ refused')}  ${pc.yellow(text)}`;

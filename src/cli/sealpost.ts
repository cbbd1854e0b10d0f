import { parseArgs } from 'node:util';
import { type Command, Line, type Option } from './command.js';
import { COMMANDS } from './commands/index.js';
import { Desk } from './desk.js';
import { EXIT, tell, UsageFault } from './failures.js';
import { COMMON, helpOf, overview } from './help.js';
import { Out } from './out.js';

/** The `sealpost` command. Ends the process with one of EXIT. */
export async function main(words: readonly string[]): Promise<void> {
  stopQuietlyWhenNobodyReads();
  process.exitCode = await run(words);
}

async function run([name, ...rest]: readonly string[]): Promise<number> {
  const out = new Out(rest.includes('--json'));
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const wanted = COMMANDS.find((command) => command.name === rest[0]);
    process.stdout.write(`${wanted === undefined ? overview(COMMANDS) : helpOf(wanted)}\n`);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) {
    const hint = `Commands: ${COMMANDS.map((one) => one.name).join(', ')}`;
    return tell(new UsageFault(`There is no command "${name}"`, hint), out, '');
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${helpOf(command)}\n`);
    return EXIT.ok;
  }
  return runCommand(command, rest, out);
}

async function runCommand(command: Command, rest: readonly string[], out: Out): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    // Whoever presses it twice does not want to wait.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  let desk: Desk | undefined;
  try {
    desk = new Desk(out, lineOf(command, rest), stop.signal);
    await command.run(desk.line, desk);
    return process.exitCode === undefined ? EXIT.ok : Number(process.exitCode);
  } catch (error) {
    if (stop.signal.aborted) return 130;
    return tell(error, out, desk?.url ?? '');
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function lineOf(command: Command, rest: readonly string[]): Line {
  const options: Record<string, Option> = { ...command.options, ...COMMON };
  try {
    const { positionals, values } = parseArgs({
      args: [...rest],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { type, short, multiple }]) => [
          name,
          { type, ...(short === undefined ? {} : { short }), multiple: multiple === true },
        ]),
      ),
    });
    return new Line(command, positionals, values);
  } catch (error) {
    // parseArgs says which option it does not know, or which lacks its value.
    const [message = ''] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageFault(message, `sealpost ${command.name} --help`);
  }
}

/** `sealpost poll | head`: the reader is gone, and that is no fault. */
function stopQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.usage);
  });
}

if (import.meta.main) await main(process.argv.slice(2));

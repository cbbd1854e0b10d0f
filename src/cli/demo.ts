import pc from 'picocolors';
import { OwnExchange } from './demo/own-exchange.js';
import { good, Screen } from './demo/screen.js';
import { Story } from './demo/story.js';

const NEXT = [
  ['npm start', 'an exchange that stays, on this machine'],
  ['http://localhost:3000/docs', 'its HTTP API, to try out (once it runs)'],
  ['npx sealpost --help', 'the same job step by step, from the command line'],
] as const;

/** The main job, seen. Ends with 0 when every step went as it must, 1 otherwise; leaves nothing behind. */
async function demo(): Promise<number> {
  const began = performance.now();
  const screen = new Screen();
  let own: OwnExchange | undefined;
  const stopped = stopOnSignals(() => own);
  screen.say(`\n  ${pc.bold('Sealpost')}  signed envelopes between backends, verified on the way`);
  try {
    const why =
      'A process of its own with its own PostgreSQL, all from npm, in a temporary folder.';
    const exchange = await screen.step('An exchange starts', why, async (tell) => {
      const started = await OwnExchange.start((made) => (own = made));
      tell([started.url, good('ready'), `in ${secondsSince(began)} s`]);
      return started;
    });
    await new Story(screen, exchange).run();
    await exchange.stop();
    screen.say(
      `\n  ${pc.green(pc.bold('Done'))} in ${secondsSince(began)} s; the exchange is stopped and its folder removed.`,
    );
    screen.say(`\n  ${pc.bold('Go on')}`);
    for (const [what, says] of NEXT) screen.say(`     ${pc.cyan(what.padEnd(28))}${pc.dim(says)}`);
    screen.say('');
    return 0;
  } catch (error) {
    if (stopped.aborted) return 130;
    screen.failed(error);
    return 1;
  } finally {
    await own?.stop();
  }
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}

/** Ctrl-C, a closed terminal, a kill: the exchange goes first. */
function stopOnSignals(own: () => OwnExchange | undefined): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) return;
    stop.abort();
    process.stdout.write(pc.dim('\n  Stopping …\n'));
    void Promise.resolve(own()?.stop()).finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return stop.signal;
}

process.exit(await demo());

import { createInterface } from 'node:readline';
import pc from 'picocolors';
import type { Accepted, Directory, Session } from '../../client/index.js';
import type { Command, Line } from '../command.js';
import type { Desk } from '../desk.js';
import { EXIT, UsageFault } from '../failures.js';
import { parseGiven, readStdin, readText, writeText } from '../files.js';
import { table } from '../out.js';
import { type Persistence, persist } from '../persist.js';
import { type BatchResult, sendMany } from '../send-many.js';

const TRIES = 6;
const MAX_COUNT = 10_000_000;
const MAX_LIFETIME_SECONDS = 7 * 86_400;

type Draft = Parameters<Session['sign']>[0];

export const send: Command = {
  name: 'send',
  says: 'Signs an envelope and sends it; or many',
  takes: '<to> <type> [json | -]',
  teaches: `The content is JSON: written out, from a file, or from stdin ("-"). It is signed here and sent; when
no answer comes, the same bytes are sent again, which delivers nothing twice. Many go in batches of 100,
each line of stdin one envelope (--ndjson) or the same content again and again (--count).`,
  options: {
    file: { type: 'string', short: 'f', value: '<file>', says: 'The content, from this file' },
    ndjson: { type: 'boolean', says: 'Each line of stdin is the content of one envelope' },
    count: {
      type: 'string',
      short: 'n',
      value: '<n>',
      says: 'So many envelopes of the same content',
    },
    sealed: {
      type: 'boolean',
      says: 'Seals the content: nobody reads it but the recipient, not even the exchange',
    },
    jti: {
      type: 'string',
      value: '<id>',
      says: 'Your own id of it; twice with other content is refused',
    },
    txn: { type: 'string', value: '<id>', says: 'Correlation id' },
    'ordering-key': { type: 'string', value: '<key>', says: 'Those with one key arrive in order' },
    lifetime: {
      type: 'string',
      value: '<time>',
      says: 'Until it expires: 15m, 12h, 7d. Default a day',
    },
    save: {
      type: 'string',
      value: '<file>',
      says: 'Keeps the signed envelope there, before it is sent',
    },
    signed: {
      type: 'string',
      value: '<file>',
      says: 'Sends what --save kept, byte for byte: "send --signed f"',
    },
  },
  examples: [
    { says: 'One', line: `sealpost send bob invoice.created '{"amount":12}'` },
    {
      says: 'For their eyes only',
      line: `sealpost send bob invoice.created '{"amount":12}' --sealed`,
    },
    { says: 'From a pipe', line: 'jq .invoice order.json | sealpost send bob invoice.created -' },
    {
      says: 'Many, one on each line',
      line: 'sealpost send bob invoice.created --ndjson < invoices.ndjson',
    },
    { says: 'Some load', line: `sealpost send bob ping.sent '{}' --count 10000` },
    {
      says: 'Sure to be sent once',
      line: `sealpost send bob invoice.created -f a.json --save a.jwt || sealpost send --signed a.jwt`,
    },
  ],
  async run(line, desk) {
    const directory = await desk.directory();
    const { session } = directory;
    const sign = signerOf(line, directory);
    const persistence: Persistence = {
      tries: TRIES,
      stop: desk.stop,
      onWait: (waitMs) => desk.out.note(`No luck; once more within ${waitMs / 1000} s`),
    };
    const drafts = manyDrafts(line);
    if (drafts === undefined)
      return sendOne(await envelopeOf(line, sign), desk, session, persistence);
    if (line.text('jti') !== undefined || line.text('save') !== undefined)
      throw new UsageFault('--jti and --save are for one envelope');
    await sendAll(signed(drafts, sign), desk, session, persistence);
  },
};

type Sign = (draft: Draft) => Promise<string>;

/** Sealed, to a key that the recipient states to be its own, or open. */
function signerOf(line: Line, directory: Directory): Sign {
  const { session } = directory;
  if (!line.flag('sealed')) return (draft) => session.sign(draft);
  return async (draft) => {
    const via = await session.exchange.issuer();
    const key = await directory.sealingKey(draft.to);
    return session.identity.sealedEnvelope({ ...draft, via }, key);
  };
}

async function sendOne(
  envelope: string,
  desk: Desk,
  session: Session,
  persistence: Persistence,
): Promise<void> {
  const file = desk.line.text('save');
  if (file !== undefined) await writeText(file, envelope);
  const accepted: Accepted = await persist(persistence, () => session.deliver(envelope));
  desk.out.result({ ...accepted, envelope }, () =>
    table([
      [pc.green('accepted'), accepted.id],
      ['jti', accepted.jti],
      ['receipt', pc.dim(`${accepted.receipt.slice(0, 40)}…`)],
    ]),
  );
  desk.out.note(`What becomes of it: sealpost status ${accepted.id}`);
}

async function envelopeOf(line: Line, sign: Sign): Promise<string> {
  const kept = line.text('signed');
  if (kept !== undefined) {
    line.atMost(0);
    return (await readText(kept, 'The signed envelope')).trim();
  }
  return sign({ ...draftOf(line), data: await dataOf(line) });
}

function draftOf(line: Line): Omit<Draft, 'data'> {
  line.atMost(3);
  const [jti, txn, orderingKey] = ['jti', 'txn', 'ordering-key'].map((name) => line.text(name));
  const lifetimeSeconds = line.seconds('lifetime');
  if (lifetimeSeconds !== undefined && lifetimeSeconds > MAX_LIFETIME_SECONDS)
    throw new UsageFault('--lifetime is at most 7d');
  return {
    to: line.word(0, 'the recipient'),
    type: line.word(1, 'the type'),
    ...(jti === undefined ? {} : { jti }),
    ...(txn === undefined ? {} : { txn }),
    ...(orderingKey === undefined ? {} : { orderingKey }),
    ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
  };
}

async function dataOf(line: Line): Promise<unknown> {
  const [file, word] = [line.text('file'), line.maybeWord(2)];
  if (file !== undefined && word !== undefined)
    throw new UsageFault('The content is there twice: as a word and with --file');
  if (file !== undefined) return parseGiven(await readText(file, 'The content'), file);
  if (word === '-') return parseGiven(await readStdin(), 'What came on stdin');
  return parseGiven(line.word(2, 'the content'), 'The content');
}

/** The drafts when many are asked for. */
function manyDrafts(line: Line): AsyncIterable<Draft> | undefined {
  const count = line.number('count', 1, MAX_COUNT);
  if (line.flag('ndjson')) return draftsFromStdin(draftOf(line));
  return count === undefined ? undefined : repeated(line, count);
}

async function* draftsFromStdin(draft: Omit<Draft, 'data'>): AsyncGenerator<Draft> {
  let at = 0;
  for await (const text of createInterface({ input: process.stdin })) {
    at++;
    if (text.trim() !== '') yield { ...draft, data: parseGiven(text, `Line ${at}`) };
  }
}

async function* repeated(line: Line, count: number): AsyncGenerator<Draft> {
  const draft = { ...draftOf(line), data: await dataOf(line) };
  for (let at = 0; at < count; at++) yield draft;
}

async function* signed(drafts: AsyncIterable<Draft>, sign: Sign): AsyncGenerator<string> {
  for await (const draft of drafts) yield sign(draft);
}

async function sendAll(
  envelopes: AsyncIterable<string>,
  desk: Desk,
  session: Session,
  persistence: Persistence,
): Promise<void> {
  const began = performance.now();
  const refused = new Map<string, number>();
  let accepted = 0;
  for await (const results of sendMany(envelopes, session, persistence)) {
    for (const result of results) {
      if (result.code === undefined) accepted++;
      else refused.set(reasonOf(result), (refused.get(reasonOf(result)) ?? 0) + 1);
      if (desk.out.json) desk.out.result(result, () => '');
    }
    const perSecond = Math.round(accepted / ((performance.now() - began) / 1000));
    desk.out.progress(`${accepted} accepted, ${perSecond} per second`);
    desk.stop.throwIfAborted();
  }
  if (!desk.out.json) {
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const rows = [...refused].map(([reason, count]) => [pc.red(`${count} refused`), reason]);
    desk.out.result({}, () => table([[pc.green(`${accepted} accepted`), `${seconds} s`], ...rows]));
  }
  if (refused.size > 0) process.exitCode = EXIT.refused;
}

function reasonOf({ code, detail }: BatchResult): string {
  return detail === undefined ? (code ?? '') : `${code}: ${detail}`;
}

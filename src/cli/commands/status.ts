import pc from 'picocolors';
import type { Command } from '../command.js';
import { shown, table } from '../out.js';

interface Attempt {
  readonly number: number;
  readonly beganAt: string;
  readonly endedAt?: string;
  readonly outcome?: string;
  readonly status?: number;
  readonly reason?: string;
}

interface Delivery {
  readonly id: string;
  readonly method: string;
  readonly state: string;
  readonly attempts: readonly Attempt[];
  readonly nextAttemptAt?: string;
  readonly endedAt?: string;
  readonly reason?: string;
}

interface Timeline {
  readonly id: string;
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
  readonly type: string;
  readonly acceptedAt: string;
  readonly expiresAt: string;
  readonly deliveries: readonly Delivery[];
}

export const status: Command = {
  name: 'status',
  says: 'What became of an envelope: its deliveries and every attempt',
  takes: '<envelope id>',
  teaches: `The id is what "send" printed. Sender and recipient may ask; the sender does not see the recipient's
URLs.`,
  options: {},
  examples: [
    {
      says: 'The way of one envelope',
      line: 'sealpost status 0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11',
    },
    {
      says: 'In a script',
      line: "sealpost status 0199f3a0-… --json | jq -r '.deliveries[].state'",
    },
  ],
  async run(line, desk) {
    line.atMost(1);
    const id = line.word(0, 'the envelope id');
    const session = await desk.session();
    const timeline = await session.call<Timeline>('GET', `/v1/envelopes/${encodeURIComponent(id)}`);
    desk.out.result(timeline, () => textOf(timeline));
  },
};

const GOOD = ['delivered', 'acknowledged'];
const BAD = ['rejected', 'expired', 'dead', 'declined'];

function textOf({ iss, aud, type, jti, acceptedAt, expiresAt, deliveries }: Timeline): string {
  const until = `until ${expiresAt.slice(0, 19).replace('T', ' ')} UTC`;
  return [
    [pc.bold(`${iss} → ${aud}`), shown(type), pc.dim(`jti ${shown(jti)}`)].join('  '),
    table([[timeOf(acceptedAt), 'accepted', pc.dim(until)], ...deliveries.flatMap(deliveryRows)]),
  ].join('\n');
}

function deliveryRows(delivery: Delivery): string[][] {
  const { method, state, attempts, nextAttemptAt, endedAt, reason } = delivery;
  const colour = GOOD.includes(state) ? pc.green : BAD.includes(state) ? pc.red : pc.yellow;
  const where = method === 'push' ? 'webhook' : 'inbox';
  return [
    ...attempts.map((attempt) => [
      timeOf(attempt.beganAt),
      `${where}, attempt ${attempt.number}`,
      pc.dim(`${attempt.outcome ?? 'under way'}${detailOf(attempt)}`),
    ]),
    [
      timeOf(endedAt),
      colour(state),
      pc.dim(nextAttemptAt === undefined ? (reason ?? '') : `next ${timeOf(nextAttemptAt)}`),
    ],
  ];
}

function detailOf({ status: code, reason, beganAt, endedAt }: Attempt): string {
  const tookMs = endedAt === undefined ? undefined : Date.parse(endedAt) - Date.parse(beganAt);
  return [code, reason, tookMs === undefined ? undefined : `${tookMs} ms`]
    .filter((part) => part !== undefined)
    .map((part) => `, ${part}`)
    .join('');
}

const TIME_WIDTH = 12;

/** `14:03:59.123`, UTC. */
function timeOf(rfc3339: string | undefined): string {
  return (rfc3339?.slice(11, 23) ?? '').padEnd(TIME_WIDTH);
}

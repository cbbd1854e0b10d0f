import pc from 'picocolors';
import { PeerKeys, type PublishedJwks, verifyReceipt } from '../../client/index.js';
import { deliveriesOf, Mailbox, makePlayer, type Player, reaches, refusalOf } from './cast.js';
import { flipContent } from './flip-content.js';
import type { OwnExchange } from './own-exchange.js';
import { good, refused, type Screen } from './screen.js';

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly envelope: string;
  readonly receipt: string;
}

/** The main job: two partners, one exchange, envelopes by webhook and by poll, refusals, receipts. */
export class Story {
  constructor(
    private readonly screen: Screen,
    private readonly exchange: OwnExchange,
  ) {}

  async run(): Promise<void> {
    const [acme, globex] = await this.#onboard();
    await this.#allow(acme, globex);
    const mailbox = new Mailbox(globex);
    try {
      await this.#openWebhook(mailbox);
      const pushed = await this.#push(acme, mailbox);
      const polled = await this.#poll(acme, globex);
      await this.#refuse(acme, globex, pushed);
      await this.#prove(acme, [pushed, polled]);
    } finally {
      await mailbox.close();
    }
  }

  #onboard(): Promise<[Player, Player]> {
    const why =
      'Each makes its own key and proves to hold it. The exchange never sees a private key.';
    return this.screen.step('Two partners register, the operator approves', why, async (tell) => {
      const { url } = this.exchange;
      const acme = await makePlayer('acme', url, 'Ed25519');
      const globex = await makePlayer('globex', url, 'ES256');
      const operator = await this.exchange.operator();
      for (const { id, alg, session } of [acme, globex]) {
        const name = id === 'acme' ? 'Acme Billing' : 'Globex Purchasing';
        const { status } = await session.register({ name, contact: `ops@${id}.example` });
        const approved = await operator.call<{ status: string }>(
          'POST',
          `/v1/partners/${id}/approve`,
        );
        const key = `${alg}, thumbprint ${session.identity.jkt.slice(0, 12)}…`;
        tell([pc.bold(id), `${pc.yellow(status)} → ${good(approved.status)}`, key]);
      }
      return [acme, globex];
    });
  }

  #allow(acme: Player, globex: Player): Promise<void> {
    const why = 'Nobody may send anything to anybody until the recipient says so.';
    return this.screen.step('globex lets acme send invoices', why, async (tell) => {
      const json = { types: ['invoice.*'] };
      await globex.session.call('PUT', `/v1/grants/${acme.id}`, { json });
      tell(['acme → globex', good('invoice.*'), 'and nothing else']);
    });
  }

  #openWebhook(mailbox: Mailbox): Promise<void> {
    const why =
      'The exchange sends a signed challenge there first: an endpoint must be its owner’s.';
    return this.screen.step('globex opens a webhook', why, async (tell) => {
      const url = await mailbox.open(['invoice.created']);
      tell(['invoice.created', good('active'), `${url} answered the challenge`]);
    });
  }

  #push(acme: Player, mailbox: Mailbox): Promise<Sent> {
    const why =
      'Signed by acme, verified when accepted, verified again before delivery, then pushed.';
    return this.screen.step('An envelope by webhook', why, async (tell) => {
      const data = { number: 'INV-1', amount: 1250, currency: 'EUR' };
      const sent = await send(acme, 'invoice.created', data);
      const { claims } = await mailbox.has(sent.envelope);
      await reaches(acme.session, sent.id, 'delivered');
      tell(
        ['acme sent', good('202 accepted'), `${sent.envelope.length} bytes, ${data.number}`],
        ['globex got', good('the same bytes'), 'and verified the signature itself'],
        ['', '', JSON.stringify(claims['data'])],
      );
      return sent;
    });
  }

  #poll(acme: Player, globex: Player): Promise<Sent> {
    const why = 'What no webhook wants waits in the inbox until it is collected and acknowledged.';
    return this.screen.step('An envelope by poll', why, async (tell) => {
      const sent = await send(acme, 'invoice.reminder', { number: 'INV-1', daysLate: 3 });
      const { sets } = await globex.session.poll();
      const [[deliveryId, envelope] = ['', '']] = Object.entries(sets);
      const claims = await new PeerKeys(globex.session).verify(envelope);
      await globex.session.poll({ ack: [deliveryId], maxEvents: 0, returnImmediately: true });
      await reaches(acme.session, sent.id, 'acknowledged');
      tell(
        ['globex polled', good(claims.type), 'one long poll, no port open at globex'],
        ['globex acked', good('acknowledged'), 'acme sees it too'],
      );
      return sent;
    });
  }

  #refuse(acme: Player, globex: Player, pushed: Sent): Promise<void> {
    const why = 'Four that must not get through, and one that may come as often as it likes.';
    return this.screen.step('What is refused', why, async (tell) => {
      const { session } = acme;
      const draft = { to: globex.id, type: 'invoice.created', data: { amount: 80 } };
      const jti = 'invoice-2';
      await session.send({ ...draft, jti });
      const stranger = await makePlayer('acme', this.exchange.url, 'Ed25519');
      const [tampered, replayed, ungranted, forged] = await Promise.all([
        refusalOf(session.deliver(flipContent(pushed.envelope))),
        refusalOf(session.send({ ...draft, jti, data: { amount: 9_999 } })),
        refusalOf(session.send({ ...draft, type: 'payroll.run' })),
        refusalOf(stranger.session.send(draft)),
      ]);
      const again = await session.deliver(pushed.envelope);
      const [delivery, ...more] = await deliveriesOf(session, pushed.id);
      if (again.receipt !== pushed.receipt || more.length > 0 || delivery?.attempts.length !== 1)
        throw new Error('The same bytes were not answered with the same receipt, once');
      tell(
        ['content changed on the way', refused(tampered), '1250 became 9250'],
        ['same jti, other content', refused(replayed), 'a second invoice under the first one’s id'],
        ['a type without a grant', refused(ungranted), 'payroll.run'],
        [
          'a stranger who says acme',
          refused(forged),
          'keys are looked up by sender, never guessed',
        ],
        ['the very same bytes again', good('accepted'), 'the same receipt, and delivered once'],
      );
    });
  }

  #prove(acme: Player, all: readonly Sent[]): Promise<void> {
    const why =
      'Signed by the exchange, verified with nothing but its public keys. They hold for years.';
    return this.screen.step('Receipts', why, async (tell) => {
      const { exchange } = acme.session;
      const jwks = await exchange.call<PublishedJwks>('GET', '/.well-known/jwks.json');
      const issuer = await exchange.issuer();
      for (const { id, type, envelope } of all) {
        const path = `/v1/envelopes/${id}/receipts`;
        const { items } = await acme.session.call<{ items: { receipt: string }[] }>('GET', path);
        for (const { receipt } of items) {
          const {
            state,
            delivery,
            envelope: about,
          } = await verifyReceipt(receipt, jwks, {
            issuer,
            envelope,
          });
          const how = delivery === undefined ? 'verified and durable' : `by ${delivery.method}`;
          tell([type, good(state), `${how}; sha256 ${about.sha256.slice(0, 12)}…`]);
        }
      }
    });
  }
}

async function send({ session }: Player, type: string, data: object): Promise<Sent> {
  const envelope = await session.sign({ to: 'globex', type, data });
  const { id, receipt } = await session.deliver(envelope);
  return { id, type, envelope, receipt };
}

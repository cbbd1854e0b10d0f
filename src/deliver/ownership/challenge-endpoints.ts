import { Injectable } from '@nestjs/common';
import { Egress, EgressFault } from '../../egress/index.js';
import { EXCHANGE_ID, JsonFault, parseStrictJson, TYP } from '../../envelope/index.js';
import { ExchangeKeys } from '../../exchange-keys/index.js';
import { type Challenge, EndpointStatus } from '../../partners/index.js';
import { Clock, Log, Settings, uuidV7 } from '../../platform/index.js';
import { secondsOf } from '../../verify/index.js';

const MOST = 20;
const LIFETIME_SECONDS = 600;

/** What a challenge needs to be signed and sent. */
@Injectable()
export class ChallengeParts {
  constructor(
    readonly keys: ExchangeKeys,
    readonly egress: Egress,
    readonly settings: Settings,
    readonly clock: Clock,
    readonly log: Log,
  ) {}
}

/**
 * Asks whoever answers at a new endpoint's URL to show that it is the partner's: before that, nothing
 * but a few of these small requests ever goes there (ATTACKS 205).
 */
@Injectable()
export class ChallengeEndpoints {
  constructor(
    private readonly endpoints: EndpointStatus,
    private readonly parts: ChallengeParts,
  ) {}

  /** Sends the challenges that are due. Never throws for one endpoint's sake. */
  async run(): Promise<void> {
    const due = await this.endpoints.dueChallenges(MOST);
    await Promise.all(due.map((challenge) => this.#challenge(challenge)));
  }

  async #challenge(challenge: Challenge): Promise<void> {
    let outcome = 'sent';
    try {
      if (await this.#answers(challenge))
        outcome = (await this.endpoints.verified(challenge)) ? 'verified' : 'changed';
    } catch (error) {
      if (!(error instanceof EgressFault)) throw error;
      outcome = error.reason;
    } finally {
      const { endpointId } = challenge;
      this.parts.log.step('endpoint.challenged', { endpointId, outcome });
    }
  }

  async #answers(challenge: Challenge): Promise<boolean> {
    const { egress, settings } = this.parts;
    const { status, body } = await egress.post(challenge.url, {
      headers: {
        'content-type': 'application/jwt',
        accept: 'application/json',
        'user-agent': 'Sealpost/1',
        'webhook-id': challenge.endpointId,
        'webhook-timestamp': String(secondsOf(this.parts.clock.now())),
      },
      body: await this.#envelope(challenge),
      timeoutMs: settings.ENDPOINT_TIMEOUT_MS,
      poolKey: challenge.owner,
    });
    return status === 200 && challengeIn(body) === challenge.challenge;
  }

  /** Signed by the exchange, bound to partner and URL: it means nothing anywhere else. */
  #envelope({ endpointId, owner, url, challenge }: Challenge): Promise<string> {
    const now = this.parts.clock.now();
    return this.parts.keys.sign(TYP.envelope, {
      iss: EXCHANGE_ID,
      aud: owner,
      via: this.parts.settings.issuer,
      jti: uuidV7(now),
      iat: secondsOf(now),
      exp: secondsOf(now) + LIFETIME_SECONDS,
      type: 'sealpost.endpoint.verification',
      data: { challenge, endpoint: endpointId, url },
    });
  }
}

function challengeIn(body: string): unknown {
  try {
    const answer = parseStrictJson(body);
    return typeof answer === 'object' && answer !== null
      ? Reflect.get(answer, 'challenge')
      : undefined;
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

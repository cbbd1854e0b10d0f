import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../../envelope/index.js';
import type { RegisterBody } from '../registration.dto.js';
import { UsedTokens } from '../used-tokens.store.js';
import { FetchKeySet, KeySetFault } from './fetch-key-set.js';

/** Fetches for registrations at once in this process: anybody may ask for one. */
const MOST_AT_ONCE = 8;

/** The key set that a registration gives: in it, or at its URL. */
@Injectable()
export class GivenKeySets {
  #underWay = 0;

  constructor(
    private readonly fetch: FetchKeySet,
    readonly used: UsedTokens,
  ) {}

  /** The set as JSON, not judged. Throws Refused. */
  async of(
    { jwks, jwksUri }: RegisterBody,
    id: PartnerId,
  ): Promise<{ readonly jwks: unknown; readonly jwksUri: string | undefined }> {
    if (jwksUri === undefined) return { jwks, jwksUri };
    if (jwks !== undefined) throw new Refused('validation_failed', 'jwks or jwksUri, not both');
    const url = await this.fetch.admitUrl(jwksUri);
    if (this.#underWay >= MOST_AT_ONCE)
      throw new Refused('rate_limited', 'too many key sets are being fetched');
    this.#underWay += 1;
    try {
      return { jwks: (await this.fetch.run(url, id)).json, jwksUri: url };
    } catch (error) {
      // Which fault it was would tell an open port from a closed one.
      if (error instanceof KeySetFault) throw new Refused('url_rejected', 'no key set is there');
      throw error;
    } finally {
      this.#underWay -= 1;
    }
  }
}

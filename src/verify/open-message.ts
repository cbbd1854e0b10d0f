import {
  type OpeningKey,
  parseToken,
  type ParsedToken,
  VerificationKey,
  verifySignature,
} from '../crypto/index.js';
import {
  type EnvelopeClaims,
  type KeyId,
  LEEWAY_SECONDS,
  Refused,
  Rejected,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';
import { MAX_ENVELOPE_BYTES, maySign } from './signed-envelope.js';
import type { VerifiedEnvelope } from './verified-envelope.js';
import { secondsOf, type World } from './world.js';

/** The message of a sealed envelope: its sender's, and the one that the envelope speaks of. */
export interface OpenedMessage {
  readonly data: unknown;
  /** The message as its sender signed it: evidence that convinces third parties. */
  readonly message: string;
  /** Thumbprint of the key that signed it. */
  readonly jkt: Thumbprint;
}

/** The recipient's private keys, by what a sealed header names. */
export type OpeningKeys = (kid: KeyId) => OpeningKey | undefined;

/**
 * The recipient's part of verification: opens a sealed envelope that passed every check that can be made
 * from outside, and demands that the message inside is the one that the envelope speaks of.
 *
 * Any difference is `binding_mismatch`, never "best effort": that is what stops forwarding, stripping and
 * re-signing, splicing and replay from another exchange. Throws Rejected, or Refused with a detail that
 * begins with `message`.
 */
export async function openMessage(
  { claims, sealedTo }: VerifiedEnvelope,
  keys: OpeningKeys,
  world: World,
): Promise<OpenedMessage> {
  const key = sealedTo === undefined ? undefined : keys(sealedTo);
  if (key === undefined || claims.sealed === undefined) throw new Rejected('cannot_open');
  const { plaintext } = await key.open(claims.sealed);
  const parsed = parseMessage(plaintext);
  // Before the signature: the key is looked for under the envelope's sender, who has to be the message's.
  for (const [claim, holds] of BINDING)
    if (!holds(parsed.payload[claim], claims)) throw new Rejected('binding_mismatch', claim);
  const jkt = await checkSignature(parsed, claims, world);
  // Its own time may be over while the envelope's is not.
  if (Number(parsed.payload['exp']) <= secondsOf(world.now) - LEEWAY_SECONDS)
    throw new Refused('claims_invalid', 'message.exp');
  if (!Object.hasOwn(parsed.payload, 'data')) throw new Refused('claims_invalid', 'message.data');
  return { data: parsed.payload['data'], message: plaintext, jkt };
}

type Holds = (value: unknown, claims: EnvelopeClaims) => boolean;

/** Read this list to know what binds a message to its envelope. */
const BINDING: readonly (readonly [claim: string, holds: Holds])[] = [
  ['iss', (value, { iss }) => value === iss],
  ['aud', (value, { aud }) => value === aud],
  ['via', (value, { via }) => value === via],
  ['jti', (value, { jti }) => value === jti],
  ['type', (value, { type }) => value === type],
  ['exp', (value, { exp }) => Number.isSafeInteger(value) && Number(value) <= exp],
];

function parseMessage(plaintext: string): ParsedToken {
  return inMessage(() => parseToken(plaintext, { typ: TYP.message, maxBytes: MAX_ENVELOPE_BYTES }));
}

async function checkSignature(
  parsed: ParsedToken,
  { iss }: EnvelopeClaims,
  world: World,
): Promise<Thumbprint> {
  const key = await world.trust.key(iss, parsed.header.kid);
  if (key === undefined || !maySign(key, world)) throw new Refused('key_unknown', 'message.kid');
  const verificationKey = await VerificationKey.import(key.jwk, key.jkt);
  await verifySignature(parsed, verificationKey).catch(asOfMessage);
  return key.jkt;
}

function inMessage<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    return asOfMessage(error);
  }
}

/** Says of a refusal that it was the message, not the envelope. */
function asOfMessage(error: unknown): never {
  if (!(error instanceof Refused)) throw error;
  throw new Refused(error.code, `message${error.detail === undefined ? '' : `: ${error.detail}`}`);
}

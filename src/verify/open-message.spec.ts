import { beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedKey, generateKey, OpeningKey, seal, SigningKey } from '../crypto/index.js';
import { type PartnerId, partnerId, Refused, Rejected, TYP } from '../envelope/index.js';
import { openMessage } from './open-message.js';
import { VerifiedEnvelope } from './verified-envelope.js';
import { type PartnerKey, type Relation, Trust, type World } from './world.js';

const NOW = new Date('2030-01-01T00:00:00Z');
const AT = NOW.getTime() / 1000;
const ACME: PartnerId = partnerId('acme', 'id');
const GLOBEX: PartnerId = partnerId('globex', 'id');
const CLAIMS = {
  iss: ACME,
  aud: GLOBEX,
  via: 'https://exchange.example',
  jti: 'm-1',
  iat: AT,
  exp: AT + 600,
  type: 'invoice.created',
};

let sig: GeneratedKey;
let second: GeneratedKey;
let revoked: GeneratedKey;
let foreign: GeneratedKey;
let opening: OpeningKey;

beforeAll(async () => {
  sig = await generateKey('sig', 'ES256');
  second = await generateKey('sig', 'ML-DSA-65');
  revoked = await generateKey('sig', 'Ed25519');
  foreign = await generateKey('sig', 'Ed25519');
  opening = await OpeningKey.import(
    (await generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' })).privateJwk,
  );
});

class KnownTrust extends Trust {
  override async key(owner: PartnerId, kid: string): Promise<PartnerKey | undefined> {
    const known = owner === ACME ? [sig, second, revoked] : [];
    const admitted = owner === GLOBEX ? [opening.admitted] : [];
    const found = [...known.map(admittedOf), ...admitted].find((key) => key.kid === kid);
    if (found === undefined) return undefined;
    const status = found.jkt === revoked.jkt ? 'revoked' : 'active';
    const { kid: id, use, jkt, jwk } = found;
    return { kid: id, use, jkt, jwk, status, notBefore: null, notAfter: null };
  }

  override async relation(): Promise<Relation> {
    return {
      sender: 'active',
      recipient: 'active',
      grant: { types: ['*'], sealedOnly: true },
    };
  }
}

function admittedOf({ publicJwk, jkt }: GeneratedKey) {
  const { kid, use, alg } = publicJwk;
  return { kid, use, alg, jkt, jwk: publicJwk };
}

function world(now = NOW): World {
  return { now, issuer: CLAIMS.via, step: 'delivery', trust: new KnownTrust() };
}

interface Hostile {
  /** Claims of the message; undefined takes one away. */
  readonly message?: Readonly<Record<string, unknown>>;
  readonly typ?: string;
  readonly key?: GeneratedKey;
  /** What stands in the place of the message. */
  readonly instead?: (message: string) => string;
  readonly now?: Date;
}

async function signed(typ: string, claims: object, key = sig): Promise<string> {
  return (await SigningKey.import(key.privateJwk)).sign(typ, claims);
}

/** What the recipient makes of an envelope that is sound in all but what is said. */
async function open({ message, typ, key, instead, now }: Hostile = {}): Promise<string> {
  const claims = { ...CLAIMS, data: { n: 1 }, ...message };
  const honest = await signed(typ ?? TYP.message, claims, key);
  const sealed = await seal(instead?.(honest) ?? honest, {
    to: opening.admitted,
    replicated: CLAIMS,
  });
  const there = world(now);
  const token = await signed(TYP.envelope, { ...CLAIMS, sealed });
  const verified = await VerifiedEnvelope.verify(token, there);
  try {
    const opened = await openMessage(verified, () => opening, there);
    expect(opened).toMatchObject({ message: honest, jkt: (key ?? sig).jkt });
    return JSON.stringify(opened.data);
  } catch (error) {
    if (error instanceof Refused || error instanceof Rejected)
      return `${error.code} ${error.detail}`;
    throw error;
  }
}

describe('the recipient', () => {
  it('opens the message that its envelope speaks of', async () => {
    expect(await open()).toBe('{"n":1}');
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['false', false],
    ['an empty string', ''],
  ])('takes %s for data', async (_what, data) => {
    expect(await open({ message: { data } })).toBe(JSON.stringify(data));
  });

  it('takes a message that expires earlier, or says more', async () => {
    expect(await open({ message: { exp: AT + 1, thread: 'x' } })).toBe('{"n":1}');
  });

  it('takes a message by another of its sender’s keys: long-lived evidence in ML-DSA', async () => {
    expect(await open({ key: second })).toBe('{"n":1}');
  });

  it.each<[string, Hostile, string]>([
    ['another sender', { message: { iss: 'mallory' } }, 'binding_mismatch iss'],
    ['no sender', { message: { iss: undefined } }, 'binding_mismatch iss'],
    ['another recipient', { message: { aud: 'initech' } }, 'binding_mismatch aud'],
    ['recipients in an array', { message: { aud: [GLOBEX] } }, 'binding_mismatch aud'],
    ['another exchange', { message: { via: 'https://staging.example' } }, 'binding_mismatch via'],
    ['another id', { message: { jti: 'm-2' } }, 'binding_mismatch jti'],
    ['another type', { message: { type: 'invoice.paid' } }, 'binding_mismatch type'],
    ['a later end', { message: { exp: AT + 601 } }, 'binding_mismatch exp'],
    ['no end', { message: { exp: undefined } }, 'binding_mismatch exp'],
    ['an end in words', { message: { exp: String(AT) } }, 'binding_mismatch exp'],
    ['an end that is over', { message: { exp: AT - 61 } }, 'claims_invalid message.exp'],
    ['no data', { message: { data: undefined } }, 'claims_invalid message.data'],
    ['the kind of an envelope', { typ: TYP.envelope }, 'header_not_allowed message: typ'],
    ['the kind of a receipt', { typ: TYP.receipt }, 'header_not_allowed message: typ'],
  ])('refuses a message with %s', async (_what, hostile, refusal) => {
    expect(await open(hostile)).toBe(refusal);
  });

  it('refuses a message whose signature is of other claims', async () => {
    const instead = (message: string): string => {
      const [header = '', payload = '', signature = ''] = message.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
      const other = Buffer.from(JSON.stringify({ ...claims, data: { n: 1e6 } }));
      return [header, other.toString('base64url'), signature].join('.');
    };

    expect(await open({ instead })).toBe('signature_invalid message');
  });

  it.each<[string, () => GeneratedKey, string]>([
    ['is not its sender’s', () => foreign, 'key_unknown message.kid'],
    ['is revoked', () => revoked, 'key_unknown message.kid'],
  ])('refuses a message whose key %s', async (_what, key, refusal) => {
    expect(await open({ key: key() })).toBe(refusal);
  });

  it.each<[string, (message: string) => string]>([
    ['without a signature', (message) => `${message.slice(0, message.lastIndexOf('.'))}.`],
    ['that is bare claims', (message) => message.split('.')[1] ?? ''],
    ['that is JSON', () => JSON.stringify({ ...CLAIMS, data: 1 })],
    ['with a line break', (message) => `${message}\n`],
  ])('refuses a message %s', async (_what, instead) => {
    expect(await open({ instead })).toMatch(/^envelope_malformed message: /);
  });

  it('cannot open what is sealed to a key that it does not hold', async () => {
    const there = world();
    const sealed = await seal('{}', { to: opening.admitted, replicated: CLAIMS });
    const token = await signed(TYP.envelope, { ...CLAIMS, sealed });
    const verified = await VerifiedEnvelope.verify(token, there);

    await expect(openMessage(verified, () => undefined, there)).rejects.toMatchObject({
      code: 'cannot_open',
    });
  });
});

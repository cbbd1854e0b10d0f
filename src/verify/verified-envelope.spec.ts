import { CompactEncrypt, importJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedKey, generateKey, SigningKey } from '../crypto/index.js';
import { type PartnerId, partnerId, Refused, type ReasonCode, TYP } from '../envelope/index.js';
import { SignedEnvelope } from './signed-envelope.js';
import { VerifiedEnvelope } from './verified-envelope.js';
import { type PartnerKey, type Relation, Trust, type World } from './world.js';

const NOW = new Date('2030-01-01T00:00:00Z');
const AT = NOW.getTime() / 1000;
const ISSUER = 'https://exchange.example';
const ACME: PartnerId = partnerId('acme', 'id');
const GLOBEX: PartnerId = partnerId('globex', 'id');

type Claims = Record<string, unknown>;

let sig: GeneratedKey;
let enc: GeneratedKey;
let p256: GeneratedKey;
let rsa: GeneratedKey;
let signing: SigningKey;

beforeAll(async () => {
  sig = await generateKey('sig', 'Ed25519');
  enc = await generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' });
  p256 = await generateKey('enc', 'ECDH-ES+A256KW', { crv: 'P-256' });
  rsa = await generateKey('enc', 'RSA-OAEP-256');
  signing = await SigningKey.import(sig.privateJwk);
});

interface Facts {
  readonly keys?: readonly (Partial<PartnerKey> & { readonly of: PartnerId; made: GeneratedKey })[];
  readonly relation?: Partial<Relation>;
  readonly world?: Partial<World>;
}

/** Trust as a list of keys and one relation: what the ports of verification look like to it. */
class KnownTrust extends Trust {
  constructor(private readonly facts: Facts) {
    super();
  }

  override key(owner: PartnerId, kid: string): Promise<PartnerKey | undefined> {
    const found = this.facts.keys?.find(
      ({ of, made }) => of === owner && made.publicJwk.kid === kid,
    );
    if (found === undefined) return Promise.resolve(undefined);
    const { of: _of, made, ...changed } = found;
    const { kid: known, use } = made.publicJwk;
    return Promise.resolve({
      kid: known,
      use,
      status: 'active',
      jkt: made.jkt,
      jwk: made.publicJwk,
      notBefore: null,
      notAfter: null,
      ...changed,
    });
  }

  override relation(): Promise<Relation> {
    return Promise.resolve({
      sender: 'active',
      recipient: 'active',
      grant: { types: ['*'], sealedOnly: false },
      ...this.facts.relation,
    });
  }
}

function worldOf(facts: Facts): World {
  const keys = facts.keys ?? [
    { of: ACME, made: sig },
    { of: GLOBEX, made: enc },
  ];
  return {
    now: NOW,
    issuer: ISSUER,
    step: 'acceptance',
    trust: new KnownTrust({ ...facts, keys }),
    ...facts.world,
  };
}

function claims(changed: Claims = {}): Claims {
  return {
    iss: ACME,
    aud: GLOBEX,
    via: ISSUER,
    jti: 'e-1',
    iat: AT,
    exp: AT + 600,
    type: 'invoice.created',
    data: { n: 1 },
    ...changed,
  };
}

function signed(changed: Claims = {}): Promise<string> {
  return signing.sign(TYP.envelope, claims(changed));
}

/** An envelope sealed to `key`, its visible header changed. */
async function sealed(header: Claims = {}, key = enc, changed: Claims = {}): Promise<string> {
  const { kid, alg } = key.publicJwk;
  const material = Object.entries(key.publicJwk).filter(([name]) => /^(?:crv|x|y|n|e)$/.test(name));
  const jwe = await new CompactEncrypt(new TextEncoder().encode('secret'))
    .setProtectedHeader({
      alg,
      enc: 'A256GCM',
      kid,
      cty: TYP.message,
      iss: ACME,
      aud: GLOBEX,
      jti: 'e-1',
      ...header,
    })
    .encrypt(await importJWK({ ...Object.fromEntries(material), kty: key.publicJwk.kty }, alg));
  return signed({ data: undefined, sealed: jwe, ...changed });
}

async function outcome(token: unknown, facts: Facts = {}): Promise<string> {
  try {
    const envelope = await VerifiedEnvelope.verify(token, worldOf(facts));
    return envelope instanceof VerifiedEnvelope ? 'verified' : 'something else';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return [error.code, error.detail].filter((part) => part !== undefined).join(': ');
  }
}

/** Each fails one rule alone: without that rule it would be verified. */
interface Case {
  readonly what: string;
  readonly token: () => Promise<string>;
  readonly facts?: () => Facts;
  readonly is: string;
}

const refused = (code: ReasonCode, detail?: string): string =>
  detail === undefined ? code : `${code}: ${detail}`;

const CASES: readonly Case[] = [
  // check-via
  {
    what: 'for another exchange',
    token: () => signed({ via: 'https://staging.example' }),
    is: refused('claims_invalid', 'via'),
  },
  // check-type
  {
    what: 'of a type that is the exchange’s own',
    token: () => signed({ type: 'sealpost.endpoint.verification' }),
    is: refused('claims_invalid', 'type'),
  },
  // check-times
  {
    what: 'of the future',
    token: () => signed({ iat: AT + 61, exp: AT + 600 }),
    is: refused('claims_invalid', 'iat'),
  },
  {
    what: 'that expired',
    token: () => signed({ iat: AT - 600, exp: AT - 60 }),
    is: refused('claims_invalid', 'exp'),
  },
  {
    what: 'that ends before it begins',
    token: () => signed({ iat: AT + 20, exp: AT + 20 }),
    is: refused('claims_invalid', 'exp'),
  },
  {
    what: 'that lives longer than seven days',
    token: () => signed({ exp: AT + 604_801 }),
    is: refused('claims_invalid', 'exp'),
  },
  {
    what: 'that is not valid yet',
    token: () => signed({ nbf: AT + 61 }),
    is: refused('claims_invalid', 'nbf'),
  },
  {
    what: 'that is valid only after its end',
    token: () => signed({ exp: AT + 20, nbf: AT + 21 }),
    is: refused('claims_invalid', 'nbf'),
  },
  // check-partners
  {
    what: 'of a suspended sender',
    token: signed,
    facts: () => ({ relation: { sender: 'suspended' } }),
    is: refused('partner_inactive'),
  },
  {
    what: 'for a suspended recipient',
    token: signed,
    facts: () => ({ relation: { recipient: 'suspended' } }),
    is: refused('not_granted'),
  },
  {
    what: 'for a recipient that there is not',
    token: signed,
    facts: () => ({ relation: { recipient: undefined } }),
    is: refused('not_granted'),
  },
  {
    what: 'that nobody granted',
    token: signed,
    facts: () => ({ relation: { grant: undefined } }),
    is: refused('not_granted'),
  },
  {
    what: 'of a type that was not granted',
    token: signed,
    facts: () => ({ relation: { grant: { types: ['order.*'], sealedOnly: false } } }),
    is: refused('not_granted'),
  },
  {
    what: 'that is open where only sealed ones are granted',
    token: signed,
    facts: () => ({ relation: { grant: { types: ['*'], sealedOnly: true } } }),
    is: refused('not_granted', 'the grant takes sealed envelopes only'),
  },
  // check-algorithm
  {
    what: 'by an algorithm that the grant does not take',
    token: signed,
    facts: () => ({
      relation: { grant: { types: ['*'], sealedOnly: false, algorithms: ['ML-DSA-87'] } },
    }),
    is: refused('not_granted', 'the grant does not take this algorithm'),
  },
  // check-sealed
  ...(['iss', 'aud', 'jti'] as const).map((claim) => ({
    what: `whose sealed header has another ${claim}`,
    token: () => sealed({ [claim]: 'other' }),
    is: refused('header_not_allowed', `sealed.${claim}`),
  })),
  {
    what: 'sealed to a key that the recipient does not have',
    token: () => sealed({ kid: 'other' }),
    is: refused('stale_recipient_key'),
  },
  {
    what: 'sealed to a sig key of the recipient',
    token: () => sealed({ kid: sig.publicJwk.kid }),
    facts: () => ({
      keys: [
        { of: ACME, made: sig },
        { of: GLOBEX, made: { ...sig, publicJwk: { ...sig.publicJwk, alg: 'ECDH-ES+A256KW' } } },
      ],
    }),
    is: refused('stale_recipient_key'),
  },
  {
    what: 'sealed by another algorithm than the key’s',
    token: () => sealed({ alg: 'ECDH-ES' }),
    is: refused('alg_not_allowed', 'sealed.alg'),
  },
  {
    what: 'sealed with an ephemeral key of another curve',
    token: () => sealed({ kid: enc.publicJwk.kid }, p256),
    is: refused('header_not_allowed', 'sealed.epk'),
  },
  {
    what: 'sealed to a retired key',
    token: sealed,
    facts: () => ({
      keys: [
        { of: ACME, made: sig },
        { of: GLOBEX, made: enc, status: 'retired' },
      ],
    }),
    is: refused('stale_recipient_key'),
  },
  // authenticate
  {
    what: 'of a partner that has no such key',
    token: signed,
    facts: () => ({ keys: [{ of: GLOBEX, made: sig }] }),
    is: refused('key_unknown'),
  },
  {
    what: 'signed by an enc key',
    token: signed,
    facts: () => ({ keys: [{ of: ACME, made: sig, use: 'enc' }] }),
    is: refused('key_unknown'),
  },
  ...(['retired', 'revoked'] as const).map((status) => ({
    what: `signed by a ${status} key`,
    token: () => signed(),
    facts: (): Facts => ({ keys: [{ of: ACME, made: sig, status }] }),
    is: refused('key_unknown'),
  })),
  {
    what: 'signed before the key may be used',
    token: signed,
    facts: () => ({ keys: [{ of: ACME, made: sig, notBefore: new Date(AT * 1000 + 1000) }] }),
    is: refused('key_unknown'),
  },
  {
    what: 'signed when the key’s time is over',
    token: signed,
    facts: () => ({ keys: [{ of: ACME, made: sig, notAfter: NOW }] }),
    is: refused('key_unknown'),
  },
  {
    what: 'without a partner as iss',
    token: () => signed({ iss: 'Not An Id' }),
    is: refused('claims_invalid', 'iss'),
  },
  {
    what: 'signed by somebody else under that kid',
    token: async () => {
      const other = await generateKey('sig', 'Ed25519', { kid: sig.publicJwk.kid });
      return (await SigningKey.import(other.privateJwk)).sign(TYP.envelope, claims());
    },
    is: refused('signature_invalid'),
  },
];

describe('VerifiedEnvelope', () => {
  it('is made of an envelope that keeps every rule', async () => {
    const token = await signed({ nbf: AT + 60, txn: 't', iat: AT + 60, exp: AT + 60 + 604_800 });

    const envelope = await VerifiedEnvelope.verify(token, worldOf({}));

    expect(envelope).toMatchObject({ verifiedAt: NOW, sealedTo: undefined });
    expect(envelope.claims).toMatchObject({ iss: ACME, aud: GLOBEX, jti: 'e-1', txn: 't' });
    expect(envelope.signed).toMatchObject({ token, iss: ACME, jkt: sig.jkt });
    expect(VerifiedEnvelope.is(envelope)).toBe(true);
  });

  it('names the key that sealed content is sealed to, of every kind', async () => {
    for (const key of [enc, p256, rsa]) {
      const keys = [
        { of: ACME, made: sig },
        { of: GLOBEX, made: key },
      ];
      const envelope = await VerifiedEnvelope.verify(await sealed({}, key), worldOf({ keys }));
      expect(envelope.sealedTo).toBe(key.publicJwk.kid);
    }
  });

  it.each(CASES)('is not made of one $what: $is', async ({ token, facts, is }) => {
    expect(await outcome(await token(), facts?.())).toBe(is);
  });

  it('is made at the very edges of time', async () => {
    for (const times of [
      { iat: AT + 60, exp: AT + 61 },
      { iat: AT - 604_800 + 1, exp: AT + 1 },
      { iat: AT - 600, exp: AT - 59 },
      { nbf: AT + 60 },
      { nbf: 0 },
    ])
      expect(await outcome(await signed(times))).toBe('verified');
  });

  describe('before delivery', () => {
    const world = { step: 'delivery' } as const;
    const withKey = (changed: Partial<PartnerKey>): Facts => ({
      world,
      keys: [
        { of: ACME, made: sig, ...changed },
        { of: GLOBEX, made: enc },
      ],
    });

    it.each<[string, () => Facts]>([
      ['whose sig key was retired since', () => withKey({ status: 'retired' })],
      ['whose sig key ran out since', () => withKey({ notAfter: NOW })],
      [
        'whose sender is suspended: that holds',
        () => ({ world, relation: { sender: 'suspended' } }),
      ],
      ['whose recipient is suspended', () => ({ world, relation: { recipient: 'suspended' } })],
    ])('is made of one %s', async (_what, facts) => {
      expect(await outcome(await signed(), facts())).toBe('verified');
    });

    it('is made of one whose enc key was retired since', async () => {
      const keys: Facts['keys'] = [
        { of: ACME, made: sig },
        { of: GLOBEX, made: enc, status: 'retired' },
      ];
      expect(await outcome(await sealed(), { world, keys })).toBe('verified');
    });

    it.each<[string, () => Promise<string>, () => Facts, string]>([
      ['whose sig key was revoked', signed, () => withKey({ status: 'revoked' }), 'key_unknown'],
      [
        'whose grant was withdrawn',
        signed,
        () => ({ world, relation: { grant: undefined } }),
        'not_granted',
      ],
      [
        'that expired',
        () => signed({ iat: AT - 600, exp: AT - 60 }),
        () => ({ world }),
        'claims_invalid: exp',
      ],
    ])('is not made of one %s', async (_what, token, facts, is) => {
      expect(await outcome(await token(), facts())).toBe(is);
    });
  });

  it('cannot be made by anybody else', async () => {
    const envelope = await VerifiedEnvelope.verify(await signed(), worldOf({}));
    const { claims: read, signed: by, sealedTo, verifiedAt } = envelope;

    // @ts-expect-error -- a private field: no literal is a VerifiedEnvelope
    const literal: VerifiedEnvelope = { claims: read, signed: by, sealedTo, verifiedAt };
    const copy = Object.assign(Object.create(VerifiedEnvelope.prototype) as object, envelope);
    // @ts-expect-error -- the constructor is private
    const made = (): VerifiedEnvelope => new VerifiedEnvelope(by, read, sealedTo, verifiedAt);
    // @ts-expect-error -- and so it is of what `authenticate` makes
    const signedOne = (): SignedEnvelope => new SignedEnvelope(by);

    expect([made, signedOne]).toHaveLength(2);
    expect(VerifiedEnvelope.is(literal)).toBe(false);
    expect(VerifiedEnvelope.is(copy)).toBe(false);
    expect(SignedEnvelope.is(Object.assign({}, by))).toBe(false);
    expect(SignedEnvelope.is(by)).toBe(true);
  });
});

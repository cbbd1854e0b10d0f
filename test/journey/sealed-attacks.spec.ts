import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  Identity,
  MemoryPins,
  Receiver,
  type ReceiverOptions,
  type Schemas,
  Sender,
} from '../../src/client/index.js';
import { type AdmittedKey, admitKey, OpeningKey, seal } from '../../src/crypto/index.js';
import { partnerId, TYP } from '../../src/envelope/index.js';
import { FAKE_ISSUER, FakeExchange, type FakePartner } from '../support/fake-exchange.js';
import { claimsOf } from '../support/receiver.js';

let exchange: FakeExchange;
let alice: FakePartner;
let bob: FakePartner;
let mallory: FakePartner;
let partners = 0;

beforeAll(async () => {
  exchange = await FakeExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(async () => {
  partners++;
  alice = await exchange.partner(`alice${partners}`);
  bob = await exchange.partner(`bob${partners}`);
  mallory = await exchange.partner(`mallory${partners}`);
});

/** What a recipient with these habits makes of an envelope. */
async function takes(
  recipient: FakePartner,
  envelope: string,
  options: ReceiverOptions<Schemas> = {},
): Promise<string> {
  return outcome(new Receiver(recipient.session, options), envelope);
}

async function outcome(receiver: Receiver, envelope: string): Promise<string> {
  const verdict = await receiver.open(envelope);
  if (verdict.is !== 'refused') return verdict.is;
  const { code, detail } = verdict.refusal;
  return detail === undefined ? code : `${code} ${detail}`;
}

/** The honest sealed envelope that every attack begins with. */
async function sealed(
  from: FakePartner,
  to: FakePartner,
  draft: { jti?: string; type?: string; data?: unknown } = {},
): Promise<string> {
  return from.identity.sealedEnvelope(
    {
      to: to.id,
      type: 'invoice.created',
      data: { n: 1 },
      via: FAKE_ISSUER,
      ...draft,
    },
    await encKeyOf(to),
  );
}

async function encKeyOf({ identity }: FakePartner): Promise<AdmittedKey> {
  const jwk = identity.jwks.keys.find((key) => key.use === 'enc');
  return admitKey(jwk, { allowRs256: false });
}

/** What stands inside, as its recipient reads it. */
async function messageIn(envelope: string, recipient: FakePartner): Promise<string> {
  const key = await OpeningKey.import(recipient.keys[1]);
  return (await key.open(String(claimsOf(envelope)['sealed']))).plaintext;
}

/** An envelope of `signer`'s around a message that somebody else made. */
async function wrapped(
  signer: FakePartner,
  to: FakePartner,
  message: string,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const { jti: inside } = claimsOf(message);
  const jti = claims['jti'] ?? inside;
  const own = {
    ...claimsOf(await sealed(signer, to)),
    ...claims,
    jti: typeof jti === 'string' ? jti : 'stolen',
  };
  const replicated = {
    iss: partnerId(signer.id, 'iss'),
    aud: partnerId(to.id, 'aud'),
    jti: own.jti,
  };
  return signer.identity.sign(TYP.envelope, {
    ...own,
    sealed: await seal(message, { to: await encKeyOf(to), replicated }),
  });
}

it('is opened by its recipient when nobody meddles', async () => {
  expect(await takes(bob, await sealed(alice, bob))).toBe('opened');
});

describe('surreptitious forwarding', () => {
  it('by a recipient that seals the message it got to another, in its own envelope', async () => {
    const message = await messageIn(await sealed(alice, mallory), mallory);

    const forwarded = await wrapped(mallory, bob, message);

    expect(await takes(bob, forwarded)).toBe('binding_mismatch iss');
  });

  it('by a recipient that forwards the envelope as it is', async () => {
    const envelope = await sealed(alice, mallory);

    expect(await takes(bob, envelope)).toBe('claims_invalid aud');
  });

  it('by the exchange, which hands an open envelope to somebody else', async () => {
    const envelope = await alice.identity.envelope({
      to: mallory.id,
      type: 't',
      data: 1,
      via: FAKE_ISSUER,
    });

    expect(await takes(bob, envelope)).toBe('claims_invalid aud');
  });

  it('by a sender and a recipient together, who pass another’s message off as new', async () => {
    const toMallory = await messageIn(await sealed(alice, mallory), mallory);

    // Whoever could sign as alice would make this envelope.
    const spliced = await wrapped(alice, bob, toMallory);

    expect(await takes(bob, spliced)).toBe('binding_mismatch aud');
  });
});

describe('strip and re-sign', () => {
  it('of the envelope around the same ciphertext', async () => {
    const original = claimsOf(await sealed(alice, bob));

    const stolen = await mallory.identity.sign(TYP.envelope, { ...original, iss: mallory.id });

    expect(await takes(bob, stolen)).toBe('header_not_allowed sealed.iss');
  });

  it('of both envelope and message, by one who learned the content elsewhere, is their own word', async () => {
    const { message } = await opened(bob, await sealed(mallory, bob));

    expect(message.from).toBe(mallory.id);
  });

  it('of the message: content that is sealed but not signed', async () => {
    const claims = JSON.stringify({ ...claimsOf(await sealed(alice, bob)), data: { n: 1 } });

    expect(await takes(bob, await wrapped(alice, bob, claims))).toMatch(/^envelope_malformed mess/);
  });

  it('of the message’s signature alone', async () => {
    const message = await messageIn(await sealed(alice, bob), bob);
    const stripped = message.slice(0, message.lastIndexOf('.') + 1);

    expect(await takes(bob, await wrapped(alice, bob, stripped))).toBe(
      'envelope_malformed message: no signature',
    );
  });

  async function opened(recipient: FakePartner, envelope: string) {
    const verdict = await new Receiver(recipient.session).open(envelope);
    if (verdict.is !== 'opened') throw new Error(verdict.is);
    return verdict;
  }
});

describe('splicing', () => {
  it('of one message’s ciphertext into another’s envelope, by the exchange', async () => {
    const [one, two] = [await sealed(alice, bob), await sealed(alice, bob)];
    const [header, , signature] = one.split('.');
    const claims = { ...claimsOf(one), sealed: claimsOf(two)['sealed'] };
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');

    expect(await takes(bob, [header, payload, signature].join('.'))).toBe('signature_invalid');
  });

  it('of one message’s ciphertext into another’s envelope of the same sender', async () => {
    const [one, two] = [claimsOf(await sealed(alice, bob)), claimsOf(await sealed(alice, bob))];

    const spliced = await alice.identity.sign(TYP.envelope, { ...one, sealed: two['sealed'] });

    expect(await takes(bob, spliced)).toBe('header_not_allowed sealed.jti');
  });

  it('of one message into another’s sealed part', async () => {
    const message = await messageIn(await sealed(alice, bob, { jti: 'one' }), bob);

    const spliced = await wrapped(alice, bob, message, { jti: 'two' });

    expect(await takes(bob, spliced)).toBe('binding_mismatch jti');
  });

  it('of a message under another type', async () => {
    const message = await messageIn(await sealed(alice, bob), bob);

    const spliced = await wrapped(alice, bob, message, { type: 'invoice.paid' });

    expect(await takes(bob, spliced)).toBe('binding_mismatch type');
  });

  it('of a message whose time is over into an envelope that lives', async () => {
    const claims = claimsOf(await sealed(alice, bob));
    const message = await alice.identity.sign(TYP.message, {
      ...claims,
      data: 1,
      exp: Number(claims['iat']) - 120,
    });

    expect(await takes(bob, await wrapped(alice, bob, message))).toBe('claims_invalid message.exp');
  });

  it('of a message into an envelope that ends before it', async () => {
    const claims = claimsOf(await sealed(alice, bob));
    const message = await alice.identity.sign(TYP.message, {
      ...claims,
      data: 1,
      exp: Number(claims['exp']) + 1,
    });

    expect(await takes(bob, await wrapped(alice, bob, message, claims))).toBe(
      'binding_mismatch exp',
    );
  });
});

describe('a recipient that forges', () => {
  it('cannot make a message of its sender’s, though it can seal to itself', async () => {
    const claims = claimsOf(await sealed(alice, bob));
    const forged = await bob.identity.sign(TYP.message, { ...claims, data: { owes: 1e6 } });

    expect(await takes(bob, await wrapped(alice, bob, forged))).toBe('key_unknown message.kid');
  });

  it('cannot make one by naming its sender’s key', async () => {
    const [sig] = alice.identity.jwks.keys;
    const { privateJwk } = await Identity.generateKey('sig', 'Ed25519', { kid: String(sig?.kid) });
    const forger = await Identity.of(bob.id, [privateJwk]);
    const claims = claimsOf(await sealed(alice, bob));
    const forged = await forger.sign(TYP.message, { ...claims, data: { owes: 1e6 } });

    expect(await takes(bob, await wrapped(alice, bob, forged))).toBe('signature_invalid message');
  });
});

describe('replay', () => {
  it('by the exchange: handled once', async () => {
    const receiver = new Receiver(bob.session);
    const envelope = await sealed(alice, bob);
    let handled = 0;

    const verdicts = [];
    for (let n = 0; n < 3; n++)
      verdicts.push((await receiver.receive(envelope, () => void handled++)).is);

    expect(verdicts).toEqual(['opened', 'repeated', 'repeated']);
    expect(handled).toBe(1);
  });

  it('of an id with other content', async () => {
    const receiver = new Receiver(bob.session);
    await receiver.open(await sealed(alice, bob, { jti: 'same' }));

    expect(await outcome(receiver, await sealed(alice, bob, { jti: 'same' }))).toBe(
      'replayed_here',
    );
  });

  it('does not let one sender use up the ids of another', async () => {
    const receiver = new Receiver(bob.session);
    await receiver.open(await sealed(mallory, bob, { jti: 'same' }));

    expect(await outcome(receiver, await sealed(alice, bob, { jti: 'same' }))).toBe('opened');
  });

  it('of what was meant for another exchange', async () => {
    const staging = await alice.identity.sealedEnvelope(
      { to: bob.id, type: 't', data: 1, via: 'https://staging.test' },
      await encKeyOf(bob),
    );
    const message = await messageIn(staging, bob);

    expect(await takes(bob, staging)).toBe('claims_invalid via');
    expect(await takes(bob, await wrapped(alice, bob, message, { type: 't' }))).toBe(
      'binding_mismatch via',
    );
  });

  it('of what is over', async () => {
    const old = await alice.identity.sign(TYP.envelope, {
      ...claimsOf(await sealed(alice, bob)),
      iat: 1_000_000_000,
      exp: 1_000_000_600,
    });

    expect(await takes(bob, old)).toBe('claims_invalid exp');
  });
});

describe('downgrade', () => {
  it('by a sender that leaves the seal away where it is demanded', async () => {
    const open = await alice.identity.envelope({
      to: bob.id,
      type: 'salary.paid',
      data: 1,
      via: FAKE_ISSUER,
    });

    expect(await takes(bob, open)).toBe('opened');
    expect(await takes(bob, open, { requireSealed: true })).toBe('not_sealed');
    const requireSealed = ({ type }: { type: string }) => type.startsWith('salary.');
    expect(await takes(bob, open, { requireSealed })).toBe('not_sealed');
  });
});

describe('cross-protocol', () => {
  it.each([TYP.envelope, TYP.receipt, TYP.keyStatement])(
    'of a %s in the place of a message',
    async (typ) => {
      const claims = { ...claimsOf(await sealed(alice, bob)), data: 1 };
      const other = await alice.identity.sign(typ, claims);

      expect(await takes(bob, await wrapped(alice, bob, other))).toBe(
        'header_not_allowed message: typ',
      );
    },
  );

  it('of a message in the place of an envelope', async () => {
    const message = await messageIn(await sealed(alice, bob), bob);

    expect(await takes(bob, message)).toBe('header_not_allowed typ');
  });
});

describe('key substitution by the exchange', () => {
  let evil: Identity;
  let evilKeys: Record<string, unknown>[];
  const send = (options = {}) =>
    new Sender(alice.session, options).send(bob.id, 'invoice.created', { n: 1 }).then(
      () => 'sent',
      (error: { code: string; detail?: string }) => `${error.code} ${error.detail}`,
    );
  const honest = () => exchange.directory.get(bob.id) ?? [];
  const entry = (use: string, of = honest()) => of.find((key) => key['use'] === use) ?? {};

  beforeEach(async () => {
    const keys = [
      await Identity.generateKey('sig', 'Ed25519'),
      await Identity.generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' }),
    ];
    evil = await Identity.of(
      bob.id,
      keys.map((key) => key.privateJwk),
    );
    evilKeys = [...(await exchange.listing(evil))];
  });

  it('of the enc key, without a statement', async () => {
    const { statement: _none, ...bare } = entry('enc', evilKeys);
    exchange.directory.set(bob.id, [entry('sig'), bare]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('of the enc key, under the statement of the true one', async () => {
    const { statement } = entry('enc');
    exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc', evilKeys), statement }]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('of the enc key, under the true one’s statement and name', async () => {
    const { statement, kid } = entry('enc');
    exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc', evilKeys), statement, kid }]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('of the name of the true one, which its owner would not know', async () => {
    exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc'), kid: 'renamed' }]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('of the enc key, stated by a sig key of its own that it lists besides', async () => {
    const directory = new Sender(alice.session).directory;
    await directory.sealingKey(bob.id);
    exchange.directory.set(bob.id, [entry('sig'), ...evilKeys]);

    await expect(directory.sealingKey(bob.id, true)).rejects.toMatchObject({
      code: 'peer_unknown',
    });
  });

  it('of every key, for one who was pinned or seen before', async () => {
    const { jkt } = bob.identity;
    const seen = new MemoryPins();
    expect(await send({ pins: seen })).toBe('sent');
    exchange.directory.set(bob.id, evilKeys);

    expect(await send({ pins: seen })).toBe('peer_unknown no enc key');
    expect(await send({ pins: new MemoryPins({ [bob.id]: [jkt] }) })).toBe(
      'peer_unknown no enc key',
    );
  });

  it('of every key, for one who was never seen, where that is not allowed', async () => {
    exchange.directory.set(bob.id, evilKeys);

    expect(await send({ trustOnFirstUse: false })).toBe('peer_unknown no enc key');
  });

  it('with a statement of the true key for another exchange', async () => {
    const { keys } = bob;
    const identity = await Identity.of(bob.id, keys);
    const elsewhere = await identity.registration({ name: 'x', contact: 'x' }, 'https://evil.test');
    const [statement] = elsewhere.statements;
    exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc'), statement }]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it.each(['iss', 'sub'])('with a statement whose %s is another partner', async (claim) => {
    const statement = await bob.identity.sign(TYP.keyStatement, {
      ...claimsOf(String(entry('enc')['statement'])),
      [claim]: mallory.id,
    });
    exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc'), statement }]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('with another partner’s key and its statement', async () => {
    exchange.directory.set(bob.id, [
      entry('sig'),
      entry('enc', exchange.directory.get(mallory.id)),
    ]);

    expect(await send()).toBe('peer_unknown no enc key');
  });

  it('with a key proof or an envelope in the place of the statement', async () => {
    const { kid, jkt } = await admitKey(evil.jwks.keys[1], { allowRs256: false });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: bob.id, sub: bob.id, aud: FAKE_ISSUER, iat: now, exp: now + 60 };
    for (const typ of [TYP.keyProof, TYP.envelope]) {
      const statement = await bob.identity.sign(typ, { ...claims, jti: 'x', kid, jkt });
      exchange.directory.set(bob.id, [entry('sig'), { ...entry('enc', evilKeys), statement }]);

      expect(await send()).toBe('peer_unknown no enc key');
    }
  });

  it('of the sender’s sig key: what it signs itself is not the sender’s', async () => {
    const receiver = new Receiver(bob.session);
    await receiver.open(await sealed(alice, bob));
    const { privateJwk } = await Identity.generateKey('sig', 'Ed25519');
    const forger = await Identity.of(alice.id, [privateJwk]);
    exchange.directory.set(alice.id, [
      ...(exchange.directory.get(alice.id) ?? []),
      ...(await exchange.listing(forger)),
    ]);
    const forged = await forger.sealedEnvelope(
      { to: bob.id, type: 't', data: 1, via: FAKE_ISSUER },
      await encKeyOf(bob),
    );

    const pins = new MemoryPins({ [alice.id]: [alice.identity.jkt] });
    expect(await takes(bob, forged, { pins })).toBe('peer_unknown kid');
  });

  it('is seen by the recipient of what was sealed to a key that it never had', async () => {
    const envelope = await alice.identity.sealedEnvelope(
      { to: bob.id, type: 't', data: 1, via: FAKE_ISSUER },
      await admitKey(evil.jwks.keys[1], { allowRs256: false }),
    );

    expect(await takes(bob, envelope)).toMatch(/^stale_recipient_key|^peer_unknown/);
  });

  it('does not stop a partner from rotating: what its known key states is believed', async () => {
    const sender = new Sender(alice.session);
    await sender.send(bob.id, 'invoice.created', 1);
    const next = await Identity.generateKey('sig', 'ES256');
    const nextEnc = await Identity.generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
    const rotated = await bob.identity.newKey(next.privateJwk, FAKE_ISSUER);
    const after = await Identity.of(bob.id, [next.privateJwk]);
    const stated = await after.newKey(nextEnc.privateJwk, FAKE_ISSUER);
    exchange.directory.set(bob.id, [
      { ...stated.jwk, status: 'active', statement: stated.statement },
      { ...rotated.jwk, status: 'active', statement: rotated.statement },
      { ...entry('sig'), status: 'retired' },
    ]);

    const key = await sender.directory.sealingKey(bob.id, true);

    expect(key.kid).toBe(nextEnc.publicJwk.kid);
  });
});

describe('the key that is sealed to', () => {
  /** The exchange lists two stated keys of bob's, the older one first, the newer one as told. */
  async function listed(changed: Record<string, unknown> = {}): Promise<string> {
    const [sig, older] = exchange.directory.get(bob.id) ?? [];
    const { privateJwk, publicJwk, jkt } = await Identity.generateKey('enc', 'ECDH-ES');
    const now = Math.floor(Date.now() / 1000);
    const statement = await bob.identity.sign(TYP.keyStatement, {
      ...claimsOf(String(older?.['statement'])),
      iat: now + 5,
      exp: now + 65,
      jti: 'newer',
      kid: privateJwk['kid'],
      jkt,
    });
    const newer = { ...publicJwk, status: 'active', statement, ...changed };
    exchange.directory.set(bob.id, [sig ?? {}, older ?? {}, newer]);
    const { kid } = await new Sender(alice.session).directory.sealingKey(bob.id);
    return kid === publicJwk.kid ? 'the newer' : 'the older';
  }
  const seconds = (fromNow: number) => Math.floor(Date.now() / 1000) + fromNow;

  it('is the one that was stated last', async () => {
    expect(await listed()).toBe('the newer');
    expect(await listed({ nbf: seconds(-10), exp: seconds(100) })).toBe('the newer');
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['retired', () => ({ status: 'retired' })],
    ['revoked', () => ({ status: 'revoked' })],
    ['not yet good', () => ({ nbf: seconds(100) })],
    ['good no more', () => ({ exp: seconds(-10) })],
  ])('is none that is %s', async (_what, changed) => {
    expect(await listed(changed())).toBe('the older');
  });

  it('is none whose statement was made in the future', async () => {
    const [sig, enc] = exchange.directory.get(bob.id) ?? [];
    const statement = await bob.identity.sign(TYP.keyStatement, {
      ...claimsOf(String(enc?.['statement'])),
      iat: seconds(3600),
      exp: seconds(3660),
    });
    exchange.directory.set(bob.id, [sig ?? {}, { ...enc, statement }]);

    await expect(new Sender(alice.session).directory.sealingKey(bob.id)).rejects.toMatchObject({
      code: 'peer_unknown',
    });
  });
});

describe('a dishonest receipt', () => {
  const send = () => new Sender(alice.session).send(bob.id, 'invoice.created', { n: 1 });
  beforeEach(() => {
    exchange.receiptOf = (envelope) => exchange.sign(envelope);
  });
  afterAll(() => {
    exchange.receiptOf = (envelope) => exchange.sign(envelope);
  });

  it('for another envelope is not taken for an acceptance', async () => {
    const other = await sealed(alice, bob);
    exchange.receiptOf = () => exchange.sign(other);

    await expect(send()).rejects.toMatchObject({ detail: 'envelope.sha256' });
  });

  it('of another state is not taken for an acceptance', async () => {
    exchange.receiptOf = (envelope) => exchange.sign(envelope, { state: 'delivered' });

    await expect(send()).rejects.toMatchObject({ code: 'receipt_invalid' });
  });

  it('by the recipient, in the exchange’s place, is not taken for an acceptance', async () => {
    exchange.receiptOf = async (envelope) =>
      bob.identity.sign(TYP.receipt, {
        ...claimsOf(await exchange.sign(envelope)),
        iss: bob.id,
      });

    await expect(send()).rejects.toMatchObject({ code: 'receipt_invalid', detail: 'iss' });
  });

  it('by the exchange in another’s name is nobody’s', async () => {
    exchange.receiptOf = (envelope) => exchange.sign(envelope, { iss: 'https://other.test' });

    await expect(send()).rejects.toMatchObject({ code: 'claims_invalid', detail: 'iss' });
  });

  it('by somebody else is not taken for an acceptance', async () => {
    exchange.receiptOf = async (envelope) =>
      mallory.identity.sign(TYP.receipt, claimsOf(await exchange.sign(envelope)));

    await expect(send()).rejects.toMatchObject({ code: 'key_unknown' });
  });
});

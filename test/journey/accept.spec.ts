import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity } from '../../src/client/index.js';
import type { SignAlg } from '../../src/crypto/index.js';
import { REASONS, type ReasonCode } from '../../src/envelope/index.js';
import { CLAIMS, ENCODING, HEADER, SEALED } from '../support/attacks.js';
import {
  base64url,
  encKeyOf,
  Forge,
  leftBehind,
  post,
  publicOf,
  refusal,
  seconds,
} from '../support/forge.js';
import type { Attack, Scene, SenderName } from '../support/hostile.js';
import { Partner } from '../support/partner.js';
import { claimsOf } from '../support/receiver.js';
import { ISSUER, World } from '../support/world.js';
import { until } from '../support/until.js';

const MIB = 1_048_576;

let scene: Scene;

beforeAll(async () => {
  const world = await World.make();
  const bob = await world.partner('bob');
  const dora = await world.partner('dora');
  const senders = {
    ed25519: await world.partner('alice'),
    es256: await world.partner('carol', { alg: 'ES256' }),
    ps256: await world.partner('rita', { alg: 'PS256' }),
    rs256: await withRs256(world, await world.partner('rudi')),
  } satisfies Record<SenderName, Partner>;
  for (const sender of Object.values(senders)) await bob.allow(sender, ['invoice.*']);
  scene = {
    world,
    bob,
    dora,
    trap: await world.receiver(),
    forges: {
      ed25519: new Forge(world, senders.ed25519, bob),
      es256: new Forge(world, senders.es256, bob),
      ps256: new Forge(world, senders.ps256, bob),
      rs256: new Forge(world, senders.rs256, bob),
    },
  };
});
afterAll(() => scene.world.stop());

/** The partner, signing with an RS256 key that the operator allowed it to add. */
async function withRs256(world: World, partner: Partner): Promise<Partner> {
  await (
    await world.operator()
  ).call('POST', `/v1/partners/${partner.id}/approve`, {
    json: { rs256: true },
  });
  const { privateJwk } = await Identity.generateKey('sig', 'RS256');
  await partner.call('POST', '/v1/keys', {
    json: await partner.identity.newKey(privateJwk, ISSUER),
  });
  return Partner.make(partner.id, world.url, { keys: [privateJwk, ...partner.keys] });
}

let count = 0;

async function isRefused({ make, by, expected }: Attack): Promise<void> {
  const { world, forges } = scene;
  const forge = forges[by];
  const jti = `hostile-${++count}`;
  const body = await make(forge, jti, scene);
  const before = await leftBehind(world);

  const answer = await post(world.url, body);

  expect(expected.map((one) => one.split(':', 1)[0])).toContain(answer.code);
  expect(answer.status).toBe(REASONS[answer.code as ReasonCode].status);
  const named = expected.find((one) => one.startsWith(`${answer.code}:`))?.split(':')[1];
  expect(answer['detail'] ?? '').toContain(named ?? '');
  expect(await leftBehind(world)).toEqual(before);
  expect(await post(world.url, await forge.token(jti))).toMatchObject({ status: 202, jti });
}

describe.each([
  ['A. envelope syntax and encoding', ENCODING],
  ['B. header and algorithm', HEADER],
  ['C. sealed content, as far as the exchange can see', SEALED],
  ['E. claims', CLAIMS],
])('ATTACKS %s: refused, with nothing left behind and the jti free', (_group, attacks) => {
  it.each(attacks.map((attack) => ({ ...attack, meets: attack.expected.join(' or ') })))(
    'line $line: $what meets $meets',
    isRefused,
  );
});

describe('what a refused envelope cannot do', () => {
  it('makes the exchange call no URL that a token names (line 39)', () => {
    expect(scene.trap.received).toEqual([]);
    expect(scene.trap.challenges).toEqual([]);
  });

  it('line 20, 23: is answered 413 when larger than 1 MiB, before anything is read from it', async () => {
    for (const size of [MIB + 1, 2 * MIB, 8 * MIB])
      expect(await post(scene.world.url, 'x'.repeat(size))).toMatchObject(refusal('too_large'));
  });

  it('line 13: as a JSON object is a batch without a token, and no batch with one', async () => {
    const { world, forges } = scene;
    const [header, payload, signature] = (await forges.ed25519.token('json-1')).split('.');
    const flattened = JSON.stringify({ protected: header, payload, signature });

    const without = await post(world.url, flattened, 'application/json');
    const token = await forges.ed25519.sender.token();
    const with_ = await post(world.url, flattened, 'application/json', token);

    expect(without).toMatchObject(refusal('unauthorized'));
    expect(with_).toMatchObject(refusal('validation_failed'));
  });

  it.each([
    'text/plain',
    'application/octet-stream',
    'application/jwt+json',
    'multipart/form-data',
  ])('as %s is answered 415', async (type) => {
    const token = await scene.forges.ed25519.token('type-1');
    expect(await post(scene.world.url, token, type)).toMatchObject(
      refusal('unsupported_media_type'),
    );
  });

  it('line 55: an envelope is no API credential', async () => {
    const { world, forges } = scene;
    const envelope = await forges.ed25519.token('credential-1');

    const list = await fetch(`${world.url}/v1/envelopes`, {
      headers: { authorization: `Bearer ${envelope}` },
    });
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: envelope,
    });
    const token = await fetch(`${world.url}/oauth/token`, { method: 'POST', body: form });

    expect(list.status).toBe(401);
    expect(token.status).toBe(401);
  });

  it('line 55: neither an assertion, a receipt, nor a key proof is an envelope', async () => {
    const { world, forges } = scene;
    const { sender } = forges.ed25519;
    const accepted = await post(world.url, await forges.ed25519.token('kinds-1'));
    const { proofs } = await sender.identity.registration({ name: 'a', contact: 'a' }, ISSUER);

    for (const token of [
      await sender.identity.assertion(ISSUER),
      String(accepted['receipt']),
      proofs[0] ?? '',
    ])
      expect(await post(world.url, token)).toMatchObject({
        ...refusal('header_not_allowed'),
        detail: 'typ',
      });
  });

  it('line 60: a retired or revoked key signs nothing more, and its answer tells neither', async () => {
    const { world, bob } = scene;
    const answers = [];
    for (const end of ['retire', 'revoke']) {
      const sender = await world.partner();
      await bob.allow(sender);
      const { privateJwk } = await Identity.generateKey('sig', 'Ed25519');
      const json = await sender.identity.newKey(privateJwk, ISSUER);
      await sender.call('POST', '/v1/keys', { json });
      await sender.call('POST', `/v1/keys/${String(privateJwk['kid'])}/${end}`, { json: {} });
      const forge = new Forge(world, sender, bob);
      const before = await leftBehind(world);
      answers.push(await post(world.url, await forge.token(end, { key: privateJwk })));
      expect(await leftBehind(world)).toEqual(before);
    }
    const forge = scene.forges.ed25519;
    answers.push(await post(world.url, await forge.token('u', { header: { kid: 'unknown' } })));

    const same = { ...refusal('key_unknown'), instance: '' };
    expect(answers.map((one) => ({ ...one, instance: '' }))).toMatchObject([same, same, same]);
    expect(new Set(answers.map(({ instance: _id, ...rest }) => JSON.stringify(rest))).size).toBe(1);
  });

  it('line 83: is not sealed to an enc key that was retired or revoked', async () => {
    const { world, forges } = scene;
    const sender = forges.ed25519.sender;
    for (const end of ['retire', 'revoke']) {
      const recipient = await world.partner();
      await recipient.allow(sender);
      const forge = new Forge(world, sender, recipient);
      const first = await forge.around(`first-${end}`, await forge.sealed(`first-${end}`));
      const accepted = await post(world.url, first);
      expect(accepted).toMatchObject({ status: 202 });
      const kid = String(encKeyOf(recipient)['kid']);
      await recipient.call('POST', `/v1/keys/${kid}/${end}`, { json: {} });
      // A worker ends what waits and was sealed to a revoked key, and tells of it: none of the second's doing.
      await until('the revocation has reached everything', async () => {
        const reached = 'select 1 from partner_key where kid = $1 and stop_due_at is null';
        return (await world.rows(reached, [kid])).length === 1;
      });
      const before = await leftBehind(world);

      const answer = await post(
        world.url,
        await forge.around(`second-${end}`, await forge.sealed(`second-${end}`)),
      );

      expect(answer).toMatchObject(refusal('stale_recipient_key'));
      expect(await leftBehind(world)).toEqual(before);
    }
  });

  it('answers a stale recipient key with the one to seal to and its statement, alone and in a batch', async () => {
    const { world, forges } = scene;
    const sender = forges.ed25519.sender;
    const recipient = await world.partner();
    await recipient.allow(sender);
    const forge = new Forge(world, sender, recipient);
    const old = String(encKeyOf(recipient)['kid']);
    const issuer = await recipient.exchange.issuer();
    const { privateJwk, publicJwk } = await Identity.generateKey('enc', 'ECDH-ES', {
      crv: 'P-256',
    });
    await recipient.call('POST', '/v1/keys', {
      json: await recipient.identity.newKey(privateJwk, issuer),
    });
    await recipient.call('POST', `/v1/keys/${old}/retire`, { json: {} });
    const envelope = await forge.around('stale-1', await forge.sealed('stale-1'));

    const alone = await sender.try(sender.deliver(envelope));
    const { results } = await sender.call<{ results: Record<string, unknown>[] }>(
      'POST',
      '/v1/envelopes',
      { json: { envelopes: [envelope] } },
    );

    for (const answer of [alone, results[0]]) {
      expect(answer).toMatchObject({ status: 409, code: 'stale_recipient_key', jwk: publicJwk });
      expect(claimsOf(String(answer?.['statement']))).toMatchObject({
        iss: recipient.id,
        kid: publicJwk.kid,
      });
    }
  });

  it('line 122: is sent to oneself only where one grants it to oneself', async () => {
    const { world } = scene;
    const self = await world.partner();
    const forge = new Forge(world, self, self);

    const denied = await post(world.url, await forge.token('self'));
    await self.allow(self, ['invoice.*']);
    const granted = await post(world.url, await forge.token('self'));

    expect(denied).toMatchObject(refusal('not_granted'));
    expect(granted).toMatchObject({ status: 202 });
  });

  it('line 151: learns nothing of a recipient that is unknown, pending, suspended or denies', async () => {
    const { world, forges, dora } = scene;
    const suspended = await world.partner();
    await suspended.allow(forges.ed25519.sender);
    await (await world.operator()).call('POST', `/v1/partners/${suspended.id}/suspend`);
    const pending = await world.stranger();
    await pending.register({ name: 'x', contact: 'ops@x.example' });

    const answers = [];
    for (const aud of ['nobody', pending.id, suspended.id, dora.id])
      answers.push(
        await post(world.url, await forges.ed25519.token(`who-${aud}`, { claims: { aud } })),
      );

    expect(answers[0]).toMatchObject(refusal('not_granted'));
    expect(new Set(answers.map(({ instance: _id, ...rest }) => JSON.stringify(rest))).size).toBe(1);
  });

  it('comes from a suspended partner: partner_inactive, and its jti is free when it is active again', async () => {
    const { world, bob } = scene;
    const sender = await world.partner();
    await bob.allow(sender);
    const forge = new Forge(world, sender, bob);
    const operator = await world.operator();
    await operator.call('POST', `/v1/partners/${sender.id}/suspend`);
    const before = await leftBehind(world);
    const token = await forge.token('held');

    const refused = await post(world.url, token);
    expect(await leftBehind(world)).toEqual(before);
    await operator.call('POST', `/v1/partners/${sender.id}/reactivate`);

    expect(refused).toMatchObject(refusal('partner_inactive'));
    expect(await post(world.url, token)).toMatchObject({ status: 202 });
  });

  it('is open where the grant takes sealed envelopes only', async () => {
    const { world, forges } = scene;
    const recipient = await world.partner();
    await recipient.allow(forges.ed25519.sender, ['*'], true);
    const forge = new Forge(world, forges.ed25519.sender, recipient);

    const open = await post(world.url, await forge.token('only'));
    const sealed = await post(world.url, await forge.around('only', await forge.sealed('only')));

    expect(open).toMatchObject(refusal('not_granted'));
    expect(sealed).toMatchObject({ status: 202 });
  });
});

describe('valid envelopes', () => {
  it.each(['Ed25519', 'EdDSA', 'ES256', 'PS256', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const)(
    'signed by %s go from sender to recipient',
    async (alg) => {
      const forge = await pair(alg);
      const draft = { to: forge.recipient.id, type: 'a.b', data: { alg } };
      expect(await arrives(forge, await forge.sender.sign(draft))).toBe(true);
    },
  );

  it('signed by RS256 are taken from whom the operator allows it, and its key from nobody else', async () => {
    const { world, forges } = scene;
    expect(await post(world.url, await forges.rs256.token('rs256-ok'))).toMatchObject({
      status: 202,
    });

    const other = await world.partner();
    const { privateJwk } = await Identity.generateKey('sig', 'RS256');
    const json = await other.identity.newKey(privateJwk, ISSUER);
    expect(await other.try(other.call('POST', '/v1/keys', { json }))).toMatchObject(
      refusal('key_rejected'),
    );
  });

  it('say Ed25519 or EdDSA, whichever name the key was registered under (line 35)', async () => {
    const alias = await pair('EdDSA');
    const { world, forges } = scene;

    const old = await forges.ed25519.token('alias-1', { header: { alg: 'EdDSA' } });
    const new_ = await alias.token('alias-2', { header: { alg: 'Ed25519' } });

    expect(await post(world.url, old)).toMatchObject({ status: 202 });
    expect(await post(world.url, new_)).toMatchObject({ status: 202 });
  });

  it.each([
    ['ECDH-ES', 'P-256', 'A256GCM'],
    ['ECDH-ES', 'X25519', 'A256CBC-HS512'],
    ['ECDH-ES+A256KW', 'P-256', 'A256CBC-HS512'],
    ['ECDH-ES+A256KW', 'X25519', 'A256GCM'],
    ['RSA-OAEP-256', undefined, 'A256GCM'],
  ] as const)('sealed by %s on %s with %s arrive as they were', async (alg, crv, enc) => {
    const { world, forges } = scene;
    const keys = [
      (await Identity.generateKey('sig', 'Ed25519')).privateJwk,
      (await Identity.generateKey('enc', alg, crv === undefined ? {} : { crv })).privateJwk,
    ];
    const recipient = await Partner.make(`sealed-${++count}`, world.url, { keys });
    await recipient.register({ name: 'x', contact: 'ops@x.example' });
    await (await world.operator()).call('POST', `/v1/partners/${recipient.id}/approve`);
    await recipient.allow(forges.ed25519.sender);
    const forge = new Forge(world, forges.ed25519.sender, recipient);
    const jti = `sealed-${count}`;

    expect(await arrives(forge, await forge.around(jti, await forge.sealed(jti, { enc })))).toBe(
      true,
    );
  });

  it('are exactly 1 MiB, and one byte more is too large (line 23)', async () => {
    const { ed25519 } = scene.forges;
    const largest = await sized(ed25519, 'largest', MIB);
    const larger = await sized(ed25519, 'larger', MIB + 1);

    expect(largest).toHaveLength(MIB);
    expect(await post(scene.world.url, largest)).toMatchObject({ status: 202 });
    expect(larger).toHaveLength(MIB + 1);
    expect(await post(scene.world.url, larger)).toMatchObject(refusal('too_large'));
  });

  it.each([
    ['jti of 255 characters', { jti: 'j'.repeat(255) }],
    ['jti of one character', { jti: '!' }],
    ['jti of every printable character', { jti: printable() }],
    ['type of 255 characters', { type: `invoice.${'t'.repeat(247)}` }],
    ['type that is a URI', { type: 'invoice.https://example.com/a?b=c' }],
    [
      'txn, reply_to, ordering_key',
      { txn: 't', reply_to: { iss: 'b', jti: 'x' }, ordering_key: 'o' },
    ],
    ['data null', { data: null }],
    ['data false', { data: false }],
    ['data that is a deep document', { data: nested(60) }],
    ['unknown claims', { scope: 'admin', sub: 'root', nonce: [1, { a: 'b' }], jku: 'https://a.b' }],
  ])('carry %s', async (_what, claims) => {
    const { ed25519 } = scene.forges;
    const token = await ed25519.token(`carry-${++count}`, { claims });
    expect(await post(scene.world.url, token)).toMatchObject({ status: 202 });
  });

  it.each(['123', '-1', 'a:b', '.', '..', '../../etc/passwd', '%00', '{"a":1}', "'or'1'='1'--"])(
    'have the jti %s and are delivered (line 139)',
    async (jti) => {
      const { world, forges } = scene;
      const receiver = await world.receiver();
      const recipient = await world.partner();
      await recipient.allow(forges.ed25519.sender);
      await recipient.listens(receiver);

      const token = await new Forge(world, forges.ed25519.sender, recipient).token(jti);
      expect(await post(world.url, token)).toMatchObject({ status: 202, jti });

      expect((await receiver.have(1))[0]?.body).toBe(token);
    },
  );

  it('with jtis that differ by case only are two envelopes (line 140)', async () => {
    const { world, forges } = scene;
    const one = await post(world.url, await forges.ed25519.token('Case'));
    const other = await post(world.url, await forges.ed25519.token('cASE'));

    expect([one.status, other.status]).toEqual([202, 202]);
    expect(one['id']).not.toBe(other['id']);
  });

  it.each<[string, () => Record<string, number>, ReasonCode | 202, string?]>([
    ['lives seven days', () => ({ iat: now(), exp: now() + 604_800 }), 202],
    ['lives a second more', () => ({ iat: now(), exp: now() + 604_801 }), 'claims_invalid', 'exp'],
    ['expired 50 s ago', () => ({ iat: now() - 300, exp: now() - 50 }), 202],
    ['expired 61 s ago', () => ({ iat: now() - 300, exp: now() - 61 }), 'claims_invalid', 'exp'],
    ['is of 60 s from now', () => ({ iat: now() + 60, exp: now() + 90 }), 202],
    ['is of 70 s from now', () => ({ iat: now() + 70, exp: now() + 90 }), 'claims_invalid', 'iat'],
    ['begins in 60 s', () => ({ nbf: now() + 60 }), 202],
    ['begins in 70 s', () => ({ nbf: now() + 70 }), 'claims_invalid', 'nbf'],
    ['began long ago', () => ({ nbf: 0 }), 202],
    ['is old but lives', () => ({ iat: now() - 604_000, exp: now() + 700 }), 202],
    ['ends as it begins', () => ({ iat: now(), exp: now() }), 'claims_invalid', 'exp'],
  ])('time: an envelope that %s', async (what, claims, expected, detail) => {
    const token = await scene.forges.ed25519.token(`time ${what}`.replaceAll(' ', '-'), {
      claims: claims(),
    });
    const answer = await post(scene.world.url, token);
    expect(answer).toMatchObject(
      expected === 202 ? { status: 202 } : { ...refusal(expected), detail },
    );
  });

  it('with big and precise numbers are delivered byte for byte, by push and by poll (line 146)', async () => {
    const { world, forges, bob } = scene;
    const receiver = await world.receiver();
    const recipient = await world.partner();
    await recipient.allow(forges.ed25519.sender);
    await recipient.listens(receiver);
    const numbers =
      '{ "big":10000000000000000999,"precise":1.000000000000000005 , "exp":1e2,"zero":-0.0 }';
    const [pushed, polled] = await Promise.all(
      [recipient, bob].map((to) => {
        const forge = new Forge(world, forges.ed25519.sender, to);
        const payloadText = forge.claimsText('numbers', 'data', numbers).replace('numbers', to.id);
        return forge.token('numbers', { payloadText });
      }),
    );

    for (const token of [pushed, polled])
      expect(await post(world.url, token ?? '')).toMatchObject({ status: 202 });

    expect((await receiver.have(1))[0]?.body).toBe(pushed);
    const shown = await collected(bob, polled ?? '');
    expect(shown).toBe(true);
  });

  it('leave nothing of their contents in the rows but the bytes themselves', async () => {
    const { world, forges } = scene;
    const secret = 'canary-4711-of-the-contents';
    const token = await forges.ed25519.token('canary', { claims: { data: { secret } } });
    const { id } = await post(world.url, token);

    const [row] = await world.rows('select body, type from envelope where id = $1', [id]);

    expect(row).toEqual({ body: token, type: 'invoice.created' });
    expect(publicOf(forges.ed25519.key)).not.toHaveProperty('d');
  });
});

/** A valid envelope of exactly so many characters. */
async function sized(forge: Forge, jti: string, size: number): Promise<string> {
  // Base64url has no text of length 1 modulo 4: then the header takes another space.
  for (const spaces of ['', ' ', '  ', '   ']) {
    const headerText = JSON.stringify(forge.header()) + spaces;
    const room =
      size - base64url(headerText).length - '..'.length - base64url(Buffer.alloc(64)).length;
    if (room % 4 === 1) continue;
    const claims = { ...forge.claims(jti), data: '' };
    const left = Math.floor((room * 3) / 4) - JSON.stringify(claims).length;
    const payloadText = JSON.stringify({ ...claims, data: 'x'.repeat(left) });
    return forge.token(jti, { headerText, payloadText });
  }
  throw new Error(`no token has ${size} characters`);
}

function printable(): string {
  return Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join('');
}

function nested(depth: number): unknown {
  return depth === 0 ? 'deep' : [nested(depth - 1)];
}

/** Whether it is taken, and the recipient is shown exactly these bytes. */
async function arrives(forge: Forge, token: string): Promise<boolean> {
  const { status } = await post(forge.world.url, token);
  const { sets } = await forge.recipient.poll({ returnImmediately: true });
  return status === 202 && Object.values(sets).includes(token);
}

async function pair(alg: SignAlg): Promise<Forge> {
  const { world } = scene;
  const [sender, recipient] = [await world.partner(undefined, { alg }), await world.partner()];
  await recipient.allow(sender);
  return new Forge(world, sender, recipient);
}

/** Polls until the inbox has shown this very envelope, or is empty. */
async function collected(partner: Partner, token: string): Promise<boolean> {
  for (;;) {
    const { sets } = await partner.poll({ returnImmediately: true });
    if (Object.values(sets).includes(token)) return true;
    if (Object.keys(sets).length === 0) return false;
    await partner.poll({ ack: Object.keys(sets), returnImmediately: true, maxEvents: 0 });
  }
}

function now(): number {
  return seconds(scene.world);
}

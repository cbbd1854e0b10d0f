// Who a service is: its keys, made once and kept in a file, and its registration at the exchange.
import { readFile, writeFile } from 'node:fs/promises';
import { Exchange, Identity, Session } from 'sealpost/client';

const { EXCHANGE_URL = 'http://localhost:3000', KEYS_DIR = '.', INVITE } = process.env;

/** @param {string} id */
export async function partner(id) {
  const file = `${KEYS_DIR}/${id}.keys.json`;
  const known = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  const keys = known ?? [
    (await Identity.generateKey('sig', 'Ed25519')).privateJwk,
    (await Identity.generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' })).privateJwk,
  ];
  const session = new Session(await Identity.of(id, keys), new Exchange(EXCHANGE_URL));
  if (known === undefined) {
    // Kept first: keys that the exchange knows and nobody holds would be a partner lost.
    await writeFile(file, JSON.stringify(keys), { mode: 0o600 });
    await session.register({ name: id, contact: `ops@${id}.example`, invite: INVITE });
  }
  return session;
}

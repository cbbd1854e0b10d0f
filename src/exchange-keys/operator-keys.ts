import { Injectable } from '@nestjs/common';
import { resolve } from 'node:path';
import {
  admitKeySet,
  type AdmittedKey,
  generateKey,
  type PublicJwk,
  SigningKey,
} from '../crypto/index.js';
import { Broken, type KeyId, Refused, type Thumbprint } from '../envelope/index.js';
import type { Log, Settings } from '../platform/index.js';
import { readOrMake, readSetting, warnIfOthersRead } from './key-source.js';

const FILE = 'operator.jwk';

export interface OperatorKey {
  readonly jwk: PublicJwk;
  readonly jkt: Thumbprint;
}

/** The public keys of whoever runs the exchange. With none, nobody is the operator. */
@Injectable()
export class OperatorKeys {
  private constructor(private readonly keys: ReadonlyMap<KeyId, OperatorKey>) {}

  /**
   * Reads OPERATOR_JWKS. Without it, on the embedded default, the operator's key is
   * `DATA_DIR/operator.jwk`, made at first start. Throws Broken with one line that names the fault.
   */
  static async open(this: void, settings: Settings, log: Log): Promise<OperatorKeys> {
    const keys = await readKeys(settings, log);
    return new OperatorKeys(new Map(keys.map((key) => [key.jwk.kid, key])));
  }

  find(kid: KeyId): Promise<OperatorKey | undefined> {
    return Promise.resolve(this.keys.get(kid));
  }

  /** Whether this is a key of the operator, now. */
  has(jkt: Thumbprint): boolean {
    return [...this.keys.values()].some((key) => key.jkt === jkt);
  }
}

async function readKeys(settings: Settings, log: Log): Promise<readonly OperatorKey[]> {
  if (settings.OPERATOR_JWKS !== undefined) return publicKeys(settings.OPERATOR_JWKS);
  return settings.embedded ? [await ownKey(settings, log)] : [];
}

async function publicKeys(given: string): Promise<readonly OperatorKey[]> {
  const { name, json } = await readSetting('OPERATOR_JWKS', given);
  const keys = await admit(name, json);
  const odd = keys.findIndex((key) => key.use !== 'sig');
  if (odd >= 0) throw new Broken(`${name}: keys[${odd}]: use must be sig`);
  return keys;
}

async function admit(name: string, json: unknown): Promise<readonly AdmittedKey[]> {
  try {
    return await admitKeySet(json, { allowRs256: false });
  } catch (error) {
    throw faultOf(name, error);
  }
}

async function ownKey(settings: Settings, log: Log): Promise<OperatorKey> {
  const path = resolve(settings.DATA_DIR, FILE);
  const { json } = await readOrMake(
    path,
    async () => (await generateKey('sig', 'Ed25519')).privateJwk,
  );
  await warnIfOthersRead(path, path, log);
  try {
    const { publicJwk, jkt } = await SigningKey.import(json);
    return { jwk: publicJwk, jkt };
  } catch (error) {
    throw faultOf(path, error);
  }
}

// The cause is left out on purpose: nothing that has seen a private key goes to a log.
function faultOf(name: string, error: unknown): Broken {
  const why = error instanceof Refused ? error.detail : undefined;
  return new Broken(`${name}: ${why ?? 'the key cannot be read'}`);
}

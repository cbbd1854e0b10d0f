import { admitKey, type AdmittedKey, MAX_KEYS_IN_SET } from '../../crypto/index.js';
import { isKeyId, type KeyId, Refused } from '../../envelope/index.js';
import { KeySetFault } from './fetch-key-set.js';

export interface ReadSet {
  /** Every `kid` that is in the set, whatever its key is worth. */
  readonly kids: ReadonlySet<KeyId>;
  /** The keys that meet the key policy; of two with one `kid` none. */
  readonly keys: readonly AdmittedKey[];
}

/**
 * Reads a set that somebody published for others too: a key that the policy does not take is as good as
 * not there, and does not spoil the rest. Throws KeySetFault for what is no JWK Set.
 */
export async function readKeySet(json: unknown, allowRs256: boolean): Promise<ReadSet> {
  const entries = entriesOf(json);
  const names = entries.map(kidOf);
  const once = entries.filter((_, at) => names.filter((name) => name === names[at]).length === 1);
  const keys = await Promise.all(once.map((entry) => admitted(entry, allowRs256)));
  return {
    kids: new Set(names.filter((name) => name !== undefined)),
    keys: keys.filter((key) => key !== undefined),
  };
}

function entriesOf(json: unknown): readonly unknown[] {
  const keys: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'keys') : [];
  if (Array.isArray(keys) && keys.length > 0 && keys.length <= MAX_KEYS_IN_SET) return keys;
  throw new KeySetFault('no_key_set');
}

function kidOf(entry: unknown): KeyId | undefined {
  const kid: unknown =
    typeof entry === 'object' && entry !== null ? Reflect.get(entry, 'kid') : undefined;
  return isKeyId(kid) ? kid : undefined;
}

async function admitted(entry: unknown, allowRs256: boolean): Promise<AdmittedKey | undefined> {
  try {
    return await admitKey(entry, { allowRs256 });
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

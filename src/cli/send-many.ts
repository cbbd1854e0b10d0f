import type { Session } from '../client/index.js';
import { mayPass, type Persistence, persist } from './persist.js';

/** What the batch route answers for one envelope. */
export interface BatchResult {
  readonly status: number;
  readonly id?: string;
  readonly jti?: string;
  readonly receipt?: string;
  readonly code?: string;
  readonly detail?: string;
}

/** The exchange takes 100 envelopes and 16 MiB at once; some room is left for the JSON around them. */
const MAX_ENVELOPES = 100;
const MAX_BYTES = 15 * 1_048_576;

/** Sends signed envelopes in batches, each the same bytes until it has its answer. Yields batch by batch, in order. */
export async function* sendMany(
  envelopes: AsyncIterable<string>,
  session: Session,
  persistence: Persistence,
): AsyncGenerator<readonly BatchResult[]> {
  for await (const batch of batchesOf(envelopes)) yield sendBatch(batch, session, persistence);
}

async function sendBatch(
  batch: readonly string[],
  session: Session,
  persistence: Persistence,
): Promise<readonly BatchResult[]> {
  const post = async (envelopes: readonly string[]): Promise<readonly BatchResult[]> => {
    const { results } = await persist(persistence, () =>
      session.call<{ results: readonly BatchResult[] }>('POST', '/v1/envelopes', {
        json: { envelopes },
      }),
    );
    return results;
  };
  const results = [...(await post(batch))];
  const open = [...results.keys()].filter((at) => mayPass(results[at]?.status ?? 0));
  if (open.length === 0) return results;
  const again = await post(open.map((at) => batch[at] ?? ''));
  for (const [index, at] of open.entries()) {
    const result = again[index];
    if (result !== undefined) results[at] = result;
  }
  return results;
}

async function* batchesOf(envelopes: AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for await (const envelope of envelopes) {
    if (
      batch.length === MAX_ENVELOPES ||
      (batch.length > 0 && bytes + envelope.length > MAX_BYTES)
    ) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(envelope);
    bytes += envelope.length;
  }
  if (batch.length > 0) yield batch;
}

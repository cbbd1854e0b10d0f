import { expect } from 'vitest';
import { claimsOf } from './receiver.js';
import type { World } from './world.js';

/**
 * What holds of every ledger at every moment: nothing accepted lacks its body or its deliveries, every
 * state is one that may be, and what has ended has exactly the receipt of its end.
 */
export async function expectSoundLedger(world: World): Promise<void> {
  for (const [law, query] of Object.entries(LAWS)) {
    const broken = await world.rows(query);
    expect({ law, broken }).toEqual({ law, broken: [] });
  }
}

const LAWS: Readonly<Record<string, string>> = {
  'what was accepted has its body and at least one delivery': `
    select i.iss, i.jti from identity i left join envelope v on v.id = i.envelope_id
    where v.id is null or not exists (select 1 from delivery d where d.envelope_id = v.id)`,
  'a delivery belongs to an accepted envelope': `
    select d.id from delivery d left join identity i on i.envelope_id = d.envelope_id
    where i.jti is null`,
  'attempts are numbered without gaps': `
    select d.id from delivery d left join attempt a on a.delivery_id = d.id
    group by d.id, d.attempt having count(a.number) <> d.attempt or max(a.number) <> d.attempt`,
  'an attempt without an end is the last of a delivery that it holds': `
    select d.id, d.state, a.number from attempt a join delivery d on d.id = a.delivery_id
    where a.ended_at is null and not (d.state in ('delivering', 'leased') and a.number = d.attempt)`,
  'an end has its receipt and nothing else has one': `
    select d.id, d.state, count(r.token) from delivery d
    left join receipt r on r.delivery_id = d.id and r.envelope_id = d.envelope_id
      and r.state = case d.state when 'acknowledged' then 'delivered' else d.state end
    group by d.id having count(r.token) <> (d.ended_at is not null)::int`,
  'a delivery has one end': `
    select delivery_id from receipt where delivery_id is not null
    group by delivery_id, issuer having count(*) > 1`,
};

/** Nobody ever got what another was meant to get. */
export function expectOnlyFor(
  recipient: string,
  received: readonly { readonly body: string }[],
): void {
  const others = received
    .map((one) => claimsOf(one.body)['aud'])
    .filter((aud) => aud !== recipient);
  expect(others).toEqual([]);
}

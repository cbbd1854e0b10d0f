import { spawnSync } from 'node:child_process';

/** CycloneDX, as far as it is looked at here. */
interface Bom {
  components: { 'bom-ref': string; properties?: { name: string; value: string }[] }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

const DEVELOPMENT = 'cdx:npm:package:development';

// npm's own "--omit dev" leaves out what is shipped, too, where a tool for development needs it as well.
const { status, stdout, stderr } = spawnSync(
  'npm',
  ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
  { encoding: 'utf8', maxBuffer: 64 * 1_048_576 },
);
if (status === 0) process.stdout.write(`${JSON.stringify(shippedOf(stdout), undefined, 2)}\n`);
else process.stderr.write(stderr);
process.exitCode = status ?? 1;

/** What is there without the packages that only development needs. */
function shippedOf(text: string): Bom {
  const all: Bom = JSON.parse(text);
  const components = all.components.filter(
    ({ properties = [] }) => !properties.some(({ name }) => name === DEVELOPMENT),
  );
  const left = new Set(components.map((component) => component['bom-ref']));
  const dropped = new Set(
    all.components.map((component) => component['bom-ref']).filter((ref) => !left.has(ref)),
  );
  const dependencies = all.dependencies
    .filter(({ ref }) => !dropped.has(ref))
    .map(({ ref, dependsOn = [] }) => ({
      ref,
      dependsOn: dependsOn.filter((to) => !dropped.has(to)),
    }));
  return { ...all, components, dependencies };
}

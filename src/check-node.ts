/** 24.19 is the first that refuses signatures under small-order Ed25519 keys (nodejs/node PR 64026). */
const NEEDED = [24, 19] as const;

/** Ends the process with one clear line when this Node is too old. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return;
  process.stderr.write(
    `Sealpost needs Node ${NEEDED.join('.')} or newer; this is ${version}. ` +
      'Start it with "npm start": npm brings the right one on Linux.\n',
  );
  process.exit(1);
}

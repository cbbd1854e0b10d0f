import { checkNode } from './check-node.js';

// Before anything is loaded that an older Node cannot read.
checkNode(process.versions.node);
const { runMakeKeys } = await import('./run-make-keys.js');
process.exitCode = await runMakeKeys(process.argv.slice(2));

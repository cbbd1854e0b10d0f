import { checkNode } from './check-node.js';

// Before anything is loaded that an older Node cannot read.
checkNode(process.versions.node);
const { writeDocs } = await import('./docs/write-docs.js');
process.exitCode = await writeDocs({ check: process.argv.includes('--check') });

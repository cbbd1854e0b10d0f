import { checkNode } from './check-node.js';

// Before anything is loaded that an older Node cannot read.
checkNode(process.versions.node);
const { start } = await import('./start.js');
await start();

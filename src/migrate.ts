import { checkNode } from './check-node.js';

// Before anything is loaded that an older Node cannot read.
checkNode(process.versions.node);
const { runMigrations } = await import('./run-migrations.js');
process.exitCode = await runMigrations();

export * from './database.js';
export * from './faults.js';
export * from './micro-batch.js';
export * from './migrate.js';
export * from './tables.js';
export * from './trust-lock.js';
export * from './wakeups.js';

export * from './exchange-keys.js';
export * from './exchange-keys.module.js';
export * from './operator-keys.js';

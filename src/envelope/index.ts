export * from './claims.js';
export * from './failures.js';
export * from './ids.js';
export * from './kinds.js';
export * from './lifecycle.js';
export * from './reasons.js';
export * from './strict-json.js';

export * from './clock.js';
export * from './config/index.js';
export * from './database/index.js';
export * from './http/index.js';
export * from './ids.js';
export * from './log/index.js';
export * from './platform.module.js';
export * from './stopping.js';

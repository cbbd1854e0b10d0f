export * from './environment.js';
export * from './is.js';
export * from './limits.js';
export * from './settings.js';

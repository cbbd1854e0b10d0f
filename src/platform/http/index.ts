export * from './adapter.js';
export * from './caller.js';
export * from './configure.js';
export * from './openapi.js';
export * from './problem.js';
export * from './refuses.js';
export * from './errors.controller.js';
export * from './whole-number.js';

export * from './metrics.controller.js';
export * from './metrics.js';

export * from './attempt-queue.js';
export * from './queue.module.js';
export * from './relay.js';

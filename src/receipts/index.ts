export * from './receipts.js';
export * from './receipts.module.js';

export * from './budgets.js';
export * from './charge.js';

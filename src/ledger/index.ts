export * from './acceptances.store.js';
export * from './deliveries.store.js';
export type { DeliveryFacts } from './delivery-facts.js';
export * from './ledger.module.js';
export * from './outbox.store.js';
export * from './outcomes.store.js';
export * from './retention.js';
export * from './timeline.store.js';
export * from './undelivered.store.js';

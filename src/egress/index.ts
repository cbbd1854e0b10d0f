export type { EgressAnswer } from './answer.js';
export { Egress, type EgressGet, type EgressRequest } from './egress.js';
export { EgressFault, type EgressFaultReason } from './fault.js';
export type { EgressRules, Lookup } from './rules.js';
export * from './egress.module.js';

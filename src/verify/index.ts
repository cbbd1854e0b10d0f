export { type DpopProven, type DpopScene, verifyDpop } from './dpop.js';
export * from './open-message.js';
export * from './proofs.js';
export * from './read-claims.js';
export * from './recipient-receipt.js';
export * from './signed-envelope.js';
export * from './verified-envelope.js';
export * from './world.js';

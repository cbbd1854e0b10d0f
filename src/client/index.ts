export * from './exchange.js';
export * from './identity.js';
export * from './session.js';
export * from './verify-token.js';

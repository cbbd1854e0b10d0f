export * from './exchange.js';
export * from './identity.js';
export * from './peer-keys.js';
export * from './session.js';
export * from './verify-token.js';
export {
  isSealAlg,
  isSignAlg,
  SEAL_ALGS,
  type SealAlg,
  SIGN_ALGS,
  type SignAlg,
} from '../crypto/index.js';

export {
  ALGORITHMS,
  CONTENT_ENCS,
  SEAL_ALGS,
  SIGN_ALGS,
  isContentEnc,
  isSealAlg,
  isSignAlg,
  type ContentEnc,
  type KeyUse,
  type SealAlg,
  type SignAlg,
} from './algorithms.js';
export { fromBase64url, isCanonicalBase64url, toBase64url } from './base64url.js';
export { randomToken, sha256, sha256Base64url } from './digest.js';
export { DPOP_ALGS, type DpopProof, openDpopProof, signDpopProof } from './dpop-proof.js';
export { generateKey, type GeneratedKey, type GenerateOptions } from './generate-key.js';
export type { PublicJwk } from './key-members.js';
export {
  admitKey,
  admitKeySet,
  MAX_KEYS_IN_SET,
  type AdmittedKey,
  type KeyPolicyOptions,
} from './key-policy.js';
export { OpeningKey, type Opened } from './opening-key.js';
export { seal, type ReplicatedClaims, type SealOptions } from './seal.js';
export { parseSealed, type SealedHeader } from './sealed.js';
export { publicHalfOf, SigningKey } from './signing-key.js';
export { thumbprint } from './thumbprint.js';
export { parseToken, type ParsedToken, type ParseOptions, type TokenHeader } from './token.js';
export { VerificationKey, verifySignature } from './verification-key.js';

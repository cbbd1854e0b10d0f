/**
 * Advisory locks of the database, each number in one place. They live in shared memory and cost no row
 * a write.
 */
export const LOCKS = {
  /** Trust is relied on (shared) or changed (exclusive): see trust-lock.ts. */
  trust: 7_370_001,
  /** Partitions are being made; named in migration 0001 as well. */
  partitions: 7_370_002,
  /** Pending registrations are counted. */
  pending: 7_370_003,
  /** One relay pass at a time over all processes. */
  relay: 7_370_004,
} as const;

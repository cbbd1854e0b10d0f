/**
 * Which `sig` keys of which partner a client takes for theirs, by RFC 7638 thumbprint. What stands in here
 * is believed against everybody, the exchange included, so keep it where only you can write.
 */
export interface PinStore {
  /** Empty for a partner that was never seen. */
  known(partner: string): Promise<readonly string[]>;
  remember(partner: string, thumbprints: readonly string[]): Promise<void>;
}

/** Pins given at start, and what was seen since: forgotten with the process. */
export class MemoryPins implements PinStore {
  readonly #known = new Map<string, Set<string>>();

  /** @param pins thumbprints by partner id, as they were told over another channel */
  constructor(pins: Readonly<Record<string, readonly string[]>> = {}) {
    for (const [partner, thumbprints] of Object.entries(pins))
      this.#known.set(partner, new Set(thumbprints));
  }

  async known(partner: string): Promise<readonly string[]> {
    return [...(this.#known.get(partner) ?? [])];
  }

  async remember(partner: string, thumbprints: readonly string[]): Promise<void> {
    this.#known.set(partner, new Set([...(await this.known(partner)), ...thumbprints]));
  }
}

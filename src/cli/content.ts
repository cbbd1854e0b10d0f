import {
  type Directory,
  type Message,
  type PeerKeys,
  Reader,
  type Session,
  tokenParts,
} from '../client/index.js';

/** What it takes to take what comes in. */
export interface Receiving {
  readonly session: Session;
  readonly peers: PeerKeys;
  readonly content: Content;
}

export function receivingOf(directory: Directory): Receiving {
  const { session, peers } = directory;
  return { session, peers, content: new Content(directory) };
}

/** What envelopes hold for the partner of this profile, verified and, if it can, opened. */
export class Content {
  constructor(private readonly directory: Directory) {}

  /** What was sealed, opened; undefined when nothing is sealed or this profile has no key that opens. */
  async of(
    envelope: string,
    claims: Readonly<Record<string, unknown>>,
  ): Promise<Message | undefined> {
    if (claims['sealed'] === undefined || !this.#canOpen) return undefined;
    return this.#read(envelope, new Date());
  }

  /** The content, as it could be read when it was signed. */
  asOfSigning(envelope: string): Promise<Message> {
    const iat: unknown = tokenParts(envelope).payload['iat'];
    return this.#read(envelope, typeof iat === 'number' ? new Date(iat * 1000) : new Date());
  }

  get #canOpen(): boolean {
    return this.directory.session.identity.jwks.keys.some((key) => key.use === 'enc');
  }

  async #read(envelope: string, now: Date): Promise<Message> {
    const reader = new Reader(this.directory, { requireSealed: false, now: () => now });
    return reader.read(await reader.verify(envelope));
  }
}

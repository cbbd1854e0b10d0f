import type { Command } from '../command.js';
import { approve } from './approve.js';
import { endpoint } from './endpoint.js';
import { grant } from './grant.js';
import { invite } from './invite.js';
import { keygen } from './keygen.js';
import { listen } from './listen.js';
import { open } from './open.js';
import { poll } from './poll.js';
import { receipts } from './receipts.js';
import { register } from './register.js';
import { send } from './send.js';
import { status } from './status.js';
import { token } from './token.js';
import { verify } from './verify.js';

/** Every sub-command, in the order in which a newcomer needs them. */
export const COMMANDS: readonly Command[] = [
  keygen,
  register,
  approve,
  invite,
  grant,
  endpoint,
  send,
  poll,
  listen,
  open,
  status,
  receipts,
  verify,
  token,
];

import { readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Broken } from '../../envelope/index.js';

const POLL_MS = 50;

/** What a postmaster says of itself in `postmaster.pid`; it may be long dead. */
export interface Postmaster {
  readonly pid: number;
  readonly ready: boolean;
  /** Tells one run from another, though both had the same pid. */
  readonly run: string;
}

export function readPostmaster(cluster: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    const [pid = '', , startedAt = '', port = ''] = lines;
    const run = `${pid} ${startedAt} ${port}`;
    return { pid: Number(pid), ready: lines[7]?.trim() === 'ready', run };
  } catch {
    return undefined;
  }
}

/** Waits for the PostgreSQL of a killed Sealpost to go; Broken if it stays. It is never stopped from here. */
export async function waitUntilUnused(cluster: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (let pid = userOf(cluster); pid !== undefined; pid = userOf(cluster)) {
    if (performance.now() > deadline) {
      throw new Broken(`${cluster} is in use by another PostgreSQL (pid ${pid})`);
    }
    await delay(POLL_MS);
  }
  dropReusedPid(cluster);
}

/** The pid of a PostgreSQL process at work in `cluster`, a postmaster's orphan included. */
export function userOf(cluster: string): number | undefined {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').map(Number);
    return pids.find((pid) => Number.isInteger(pid) && worksIn(cluster, pid));
  }
  const pid = readPostmaster(cluster)?.pid;
  return pid !== undefined && exists(pid) ? pid : undefined;
}

/** A zombie has no working directory: it is dead to us, however long its parent leaves it unburied. */
function worksIn(cluster: string, pid: number): boolean {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return name === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    return false;
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * PostgreSQL clears away the `postmaster.pid` of a dead one itself, but believes it for ever when its number went
 * to another process, as numbers do after a restart of a container. MUST only be called when nobody uses `cluster`.
 */
function dropReusedPid(cluster: string): void {
  const stale = readPostmaster(cluster);
  if (process.platform !== 'linux' || stale === undefined || !exists(stale.pid)) return;
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
}

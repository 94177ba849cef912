/** One installation at a time, whichever window began it. */

import * as fs from "node:fs/promises";

const POLL_MS = 500;

export interface LockTimes {
  /** The holder says so often that it is there. */
  readonly beatMs: number;
  /** A lock of which nothing was heard for as long is taken over. */
  readonly silentMs: number;
}

export const LOCK_TIMES: LockTimes = { beatMs: 2000, silentMs: 20_000 };

/**
 * Do `work` while holding the lock file. A lock whose process is gone is taken over, at once where nothing has its number
 * by now, else after it was silent for some time.
 * `onWaiting` is called once where another window holds it; `isCancelled` ends the wait (gives undefined), and is told
 * whether the holder was heard of since the wait began.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWaiting: () => void,
  isCancelled: (isHeard: boolean) => boolean,
  { beatMs, silentMs }: LockTimes = LOCK_TIMES,
): Promise<T | undefined> {
  let beat: number | undefined;
  let nSilent = 0;
  let hasTold = false;
  while (!(await tryTake(file))) {
    const latest = await beatOf(file);
    const isHeard = beat !== undefined && latest !== undefined && latest !== beat;
    // Counted in looks, not by the clock: after the machine has slept the holder needs a moment too.
    nSilent = latest === beat ? nSilent + 1 : 0;
    beat = latest;
    if (nSilent * POLL_MS >= silentMs) await fs.rm(file, { force: true });
    if (isCancelled(isHeard)) return undefined;
    if (!hasTold) onWaiting();
    hasTold = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const beating = setInterval(() => void fs.utimes(file, new Date(), new Date()).catch(() => undefined), beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beating);
    await fs.rm(file, { force: true });
  }
}

async function tryTake(file: string): Promise<boolean> {
  try {
    await fs.writeFile(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const pid = Number(await fs.readFile(file, "utf8").catch(() => ""));
  if (pid > 0 && !isAlive(pid)) await fs.rm(file, { force: true });
  return false;
}

async function beatOf(file: string): Promise<number | undefined> {
  return fs.stat(file).then(({ mtimeMs }) => mtimeMs, () => undefined);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

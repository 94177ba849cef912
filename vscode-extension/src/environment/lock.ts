/** One installation at a time, whichever window began it. */

import * as fs from "node:fs/promises";

const POLL_MS = 500;
/** A lock is empty for a moment between its creation and its filling. */
const MAY_BE_EMPTY_MS = 5000;

/**
 * Do `work` while holding the lock file. A lock whose process is gone is taken over.
 * `onWaiting` is called once where another window holds it; `isCancelled` ends the wait (gives undefined).
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWaiting: () => void,
  isCancelled: () => boolean,
): Promise<T | undefined> {
  let hasTold = false;
  while (!(await tryTake(file))) {
    if (isCancelled()) return undefined;
    if (!hasTold) onWaiting();
    hasTold = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await work();
  } finally {
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
  if (await isHeld(file)) return false;
  await fs.rm(file, { force: true });
  return false;
}

async function isHeld(file: string): Promise<boolean> {
  const pid = Number(await fs.readFile(file, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 0) {
    const age = await fs.stat(file).then((found) => Date.now() - found.mtimeMs, () => Infinity);
    return age < MAY_BE_EMPTY_MS;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

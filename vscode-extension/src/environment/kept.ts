/**
 * The environment that is being replaced, set aside until the new one is whole. An environment works only where it was
 * made, so the new one cannot be made beside it and moved; the old one can be moved away and back.
 */

import * as fs from "node:fs/promises";

const RETRIES = 5;
const RETRY_MS = 200;
const RM_OPTIONS = { recursive: true, force: true, maxRetries: RETRIES, retryDelay: RETRY_MS };

export class Kept {
  private readonly keptFolder: string;
  /** While it is there, the new environment is not whole. */
  private readonly keptReady: string;

  constructor(private readonly folder: string, private readonly readyFile: string) {
    this.keptFolder = `${folder}.kept`;
    this.keptReady = `${readyFile}.kept`;
  }

  /** Set a whole environment aside. */
  async setAside(): Promise<void> {
    await move(this.readyFile, this.keptReady);
    await move(this.folder, this.keptFolder);
  }

  /** The new one is whole, but for its `ready.json`. */
  async giveUp(): Promise<void> {
    await fs.rm(this.keptReady, { force: true });
  }

  /** Put back what is not given up, whichever window set it aside, and remove what is. */
  async putBack(): Promise<void> {
    if (!(await exists(this.keptReady))) {
      await this.remove().catch(() => undefined); // it is in nobody's way
      return;
    }
    if (await exists(this.keptFolder)) {
      await fs.rm(this.folder, RM_OPTIONS);
      await move(this.keptFolder, this.folder);
    }
    await move(this.keptReady, this.readyFile);
  }

  async remove(): Promise<void> {
    await this.giveUp();
    await fs.rm(this.keptFolder, RM_OPTIONS);
  }
}

/** Windows refuses this for a moment after a program in the folder has ended. */
async function move(from: string, to: string): Promise<void> {
  for (let nLeft = RETRIES; ; nLeft -= 1) {
    try {
      await fs.rename(from, to);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (nLeft === 0 || (code !== "EPERM" && code !== "EBUSY")) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export async function exists(file: string): Promise<boolean> {
  return fs.access(file).then(() => true, () => false);
}

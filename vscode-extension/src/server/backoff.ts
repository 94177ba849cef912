/** How a server that ends by itself is started again: soon at first, then more rarely, then not at all. Pure. */

export interface BackoffLimits {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** More ends than this within `windowMs` and it stays down. */
  readonly mostEnds: number;
  readonly windowMs: number;
}

export const SERVER_BACKOFF: BackoffLimits = { firstDelayMs: 500, longestDelayMs: 8000, mostEnds: 4, windowMs: 180_000 };

export type Decision = { readonly kind: "restart"; readonly delayMs: number } | { readonly kind: "giveUp" };

/** Remembers when the server ended. */
export class Backoff {
  private ends: number[] = [];

  constructor(private readonly limits: BackoffLimits = SERVER_BACKOFF) {}

  /** The server ended at `nowMs`: what to do. */
  ended(nowMs: number): Decision {
    this.ends = [...this.ends.filter((end) => nowMs - end < this.limits.windowMs), nowMs];
    if (this.ends.length > this.limits.mostEnds) return { kind: "giveUp" };
    const delayMs = this.limits.firstDelayMs * 2 ** (this.ends.length - 1);
    return { kind: "restart", delayMs: Math.min(delayMs, this.limits.longestDelayMs) };
  }

  /** The user asked for a start: what was before does not count. */
  reset(): void {
    this.ends = [];
  }
}

/** Which buttons help, by how things stand and by what went wrong. Pure. */

import type { Stage } from "./status.js";

export type RemedyName =
  | "changeAddress" | "chooseModel" | "install" | "installEngine" | "restart" | "restartEngine" | "setKey" | "showLog" | "useServer";

export interface Situation {
  readonly stage: Stage["kind"];
  readonly hasEndpoint: boolean;
  /** What our own environment has; undefined where there is none, or the server runs in another. */
  readonly engine: string | undefined;
  /** The server's name of what went wrong, where it gave one. */
  readonly code: string | undefined;
}

/** Buttons for a message, the likeliest first. */
export function remediesFor({ stage, hasEndpoint, engine, code }: Situation): RemedyName[] {
  if (stage === "notInstalled") return ["install", "useServer", "showLog"];
  // A start goes on with the update, which keeps the engine; an installation would not.
  if (stage === "failed" || stage === "outdated") return ["restart", "showLog"];
  if (stage !== "running") return ["showLog"];
  if (hasEndpoint) return code === "engine_unauthorized" ? ["setKey", "changeAddress", "showLog"] : ["changeAddress", "setKey", "showLog"];
  if (engine === "none") return ["installEngine", "useServer", "showLog"];
  return ["chooseModel", "restartEngine", "showLog"];
}

/** What the server speaks beyond the specification of LSP; see docs/protocol.md. */

import type { Position, Range } from "vscode-languageclient/node";

export const PARTIAL = "kodopis/partial";
export const STATUS = "kodopis/status";

export interface PartialParams {
  readonly textDocument?: { readonly uri: string; readonly version?: number | null };
  readonly position?: Position;
  readonly range?: Range | null;
  readonly token?: string | number | null;
  readonly text: string;
  readonly done: boolean;
}

export type EngineState = "off" | "starting" | "downloading" | "loading" | "ready" | "thinking" | "error";

export interface StatusParams {
  readonly state: EngineState;
  readonly model: string;
  readonly remote: boolean;
  readonly percent?: number | null;
  readonly message?: string | null;
  readonly tokensPerSecond?: number | null;
}

export interface ModelInfo {
  readonly id: string;
  readonly title: string;
  readonly installed: boolean;
  /** null where the settings name no model that can be used. */
  readonly current: boolean | null;
  readonly sizeBytes: number;
  readonly licence: string;
  /** Where it is fetched from; may be empty, and older servers do not say. */
  readonly source?: string;
}

export interface Statistics {
  readonly shown: number;
  readonly accepted: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly cacheHits: number;
}

/** Commands of the server and what they give. */
export interface ServerResults {
  "kodopis.variants": { readonly items: readonly { readonly insertText: string; readonly range?: Range | null }[] };
  "kodopis.write": { readonly applied: boolean; readonly code: string };
  "kodopis.explain": { readonly markdown: string };
  "kodopis.fix": { readonly applied: boolean; readonly code: string };
  "kodopis.docstring": { readonly applied: boolean; readonly code: string };
  "kodopis.tests": { readonly applied: boolean; readonly code: string };
  "kodopis.status": StatusParams;
  "kodopis.models": { readonly models: readonly ModelInfo[] };
  "kodopis.download": { readonly installed: boolean };
  "kodopis.stopEngine": { readonly stopped: boolean };
  "kodopis.restartEngine": { readonly restarted: boolean };
  "kodopis.statistics": Statistics;
}

export type ServerCommand = keyof ServerResults;

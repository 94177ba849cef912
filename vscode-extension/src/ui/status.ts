/** What the one status bar item shows, from what the extension and the server say. Pure. */

import type { StatusParams } from "../server/protocol.js";

/** What the extension itself is doing; the server's word counts only while it is `running`. */
export type Stage =
  | { readonly kind: "idle" }
  | { readonly kind: "notInstalled" }
  /** Of another version, and the update has not been gone through with. */
  | { readonly kind: "outdated" }
  | { readonly kind: "installing"; readonly percent?: number }
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  | { readonly kind: "failed"; readonly message: string };

export interface StatusState {
  readonly stage: Stage;
  readonly server: StatusParams | undefined;
  /** Whether suggestions come by themselves. */
  readonly automatic: boolean;
}

export type StatusEvent =
  | { readonly kind: "stage"; readonly stage: Stage }
  | { readonly kind: "server"; readonly status: StatusParams }
  | { readonly kind: "automatic"; readonly on: boolean };

export const INITIAL: StatusState = { stage: { kind: "idle" }, server: undefined, automatic: true };

/** What changes by an event. A server that is gone takes its words with it. */
export function reduce(state: StatusState, event: StatusEvent): StatusState {
  switch (event.kind) {
    case "stage":
      return { ...state, stage: event.stage, server: event.stage.kind === "running" ? state.server : undefined };
    case "server":
      return { ...state, server: event.status };
    case "automatic":
      return { ...state, automatic: event.on };
  }
}

/** `text` and `tooltip` are keys and arguments of messages; `action` is the command of a click. */
export interface StatusView {
  readonly icon: string;
  readonly text: string;
  readonly args: readonly string[];
  readonly detail: string | undefined;
  readonly severity: "normal" | "warning" | "error";
}

const view = (icon: string, text: string, args: readonly string[] = [], rest: Partial<StatusView> = {}): StatusView => ({
  icon, text, args, detail: undefined, severity: "normal", ...rest,
});

const SPIN = "loading~spin";

/** What to show. Texts are message keys: see l10n. */
export function show(state: StatusState): StatusView {
  switch (state.stage.kind) {
    case "idle":
      return view("circle-outline", "Kodopis");
    case "notInstalled":
      return view("cloud-download", "Kodopis: not installed", [], { severity: "warning" });
    case "outdated":
      return view("cloud-download", "Kodopis: not updated", [], { severity: "warning" });
    case "installing":
      return state.stage.percent === undefined
        ? view(SPIN, "Kodopis: installing…")
        : view(SPIN, "Kodopis: installing, {0} %", [state.stage.percent.toFixed(0)]);
    case "starting":
      return view(SPIN, "Kodopis: starting…");
    case "failed":
      return view("error", "Kodopis: error", [], { detail: state.stage.message, severity: "error" });
    case "running":
      return showServer(state.server, state.automatic);
  }
}

function showServer(server: StatusParams | undefined, automatic: boolean): StatusView {
  if (server === undefined) return view(SPIN, "Kodopis: starting…");
  const { state, remote, message } = server;
  const detail = message ?? undefined;
  const name = server.model === "" ? "Kodopis" : server.model;
  const percent = typeof server.percent === "number" ? Math.round(server.percent).toString() : undefined;
  switch (state) {
    case "off":
      return view("circle-outline", automatic ? "Kodopis: idle" : "Kodopis: by hand", [], { detail });
    case "starting":
      return view(SPIN, "Kodopis: starting…", [], { detail });
    case "downloading":
      return percent === undefined ? view(SPIN, "Kodopis: downloading the model…", [], { detail }) : view(SPIN, "Kodopis: downloading the model, {0} %", [percent], { detail });
    case "loading":
      return percent === undefined ? view(SPIN, "Kodopis: loading the model…", [], { detail }) : view(SPIN, "Kodopis: loading the model, {0} %", [percent], { detail });
    case "thinking":
      return view(SPIN, "{0}: thinking…", [shortModel(name)], { detail });
    case "error":
      return view("error", "Kodopis: error", [], { detail, severity: "error" });
    case "ready": {
      const icon = remote ? "remote" : automatic ? "sparkle" : "circle-slash";
      const text = remote ? (automatic ? "{0}, remote" : "{0}, remote, by hand") : automatic ? "{0}" : "{0}, by hand";
      return view(icon, text, [shortModel(name)], { detail });
    }
  }
}

/** A model's name without folders, and not longer than a status bar bears. */
export function shortModel(model: string): string {
  const base = (model.split(/[/\\]/).at(-1) ?? model).replace(/\.gguf$/i, "");
  return base.length <= 32 ? base : `${base.slice(0, 31)}…`;
}

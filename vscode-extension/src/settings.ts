/** The extension's own settings, read in one place. What the server reads it asks for itself. */

import * as vscode from "vscode";
import type { EngineBuild } from "./environment/plan.js";
import type { Language } from "./l10n.js";

export const SECTION = "kodopis";

/** Settings whose change means another server process. */
export const NEEDS_RESTART = ["serverPython", "python", "language"].map((name) => `${SECTION}.${name}`);

export interface OwnSettings {
  readonly python: string;
  readonly serverPython: string;
  readonly wheelsFolder: string;
  readonly engineBuild: EngineBuild;
  readonly endpoint: string;
  readonly automatic: boolean;
  readonly language: Language;
}

/** What the user has set now. */
export function read(): OwnSettings {
  const section = vscode.workspace.getConfiguration(SECTION);
  return {
    python: section.get("python", "").trim(),
    serverPython: section.get("serverPython", "").trim(),
    wheelsFolder: section.get("wheelsFolder", "").trim(),
    engineBuild: section.get<EngineBuild>("engineBuild", "auto"),
    endpoint: section.get("endpoint", "").trim(),
    automatic: section.get("automatic", true),
    language: section.get<Language>("language", "auto"),
  };
}

/** Set a value where the one that counts now is set: in the workspace, else for this user on this machine. */
export async function write(name: string, value: unknown): Promise<void> {
  const section = vscode.workspace.getConfiguration(SECTION);
  const isOfWorkspace = section.inspect(name)?.workspaceValue !== undefined;
  const target = isOfWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await section.update(name, value, target);
}

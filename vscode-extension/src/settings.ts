/** The extension's own settings, and VS Code's proxy, read in one place. What the server reads it asks for itself. */

import * as vscode from "vscode";
import type { EngineBuild } from "./environment/plan.js";
import type { Language } from "./l10n.js";

export const SECTION = "kodopis";

/** Settings whose change means another server process. */
export const NEEDS_RESTART = [
  ...["serverPython", "python", "language"].map((name) => `${SECTION}.${name}`),
  ...["proxy", "proxySupport", "noProxy"].map((name) => `http.${name}`),
];

const ENGINE_BUILDS: readonly EngineBuild[] = ["auto", "cpu", "cuda", "metal", "compile", "none"];
const LANGUAGES: readonly Language[] = ["auto", "ru", "en"];

export interface OwnSettings {
  readonly python: string;
  readonly serverPython: string;
  readonly wheelsFolder: string;
  readonly engineBuild: EngineBuild;
  readonly endpoint: string;
  readonly automatic: boolean;
  readonly language: Language;
}

/** What the user has set now. VS Code gives whatever the file has: a value of another type, or null, counts as not set. */
export function read(): OwnSettings {
  const section = vscode.workspace.getConfiguration(SECTION);
  const text = (name: string): string => {
    const value: unknown = section.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const automatic: unknown = section.get("automatic");
  return {
    python: text("python"),
    serverPython: text("serverPython"),
    wheelsFolder: text("wheelsFolder"),
    engineBuild: ENGINE_BUILDS.find((build) => build === text("engineBuild")) ?? "auto",
    endpoint: text("endpoint"),
    automatic: typeof automatic === "boolean" ? automatic : true,
    language: LANGUAGES.find((language) => language === text("language")) ?? "auto",
  };
}

/**
 * VS Code's own proxy as programs read it from their environment: none where the user has set none, or the environment
 * names one already. What runs on this machine is never asked through it. A folder's settings are not looked at.
 */
export function proxyEnv(inherited: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const http = vscode.workspace.getConfiguration("http");
  const proxy: unknown = http.inspect("proxy")?.globalValue;
  const names = Object.keys(inherited).filter((name) => ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].includes(name.toUpperCase()));
  if (typeof proxy !== "string" || !/^https?:\/\/[^/]/i.test(proxy.trim())) return {};
  if (http.inspect("proxySupport")?.globalValue === "off" || names.some((name) => inherited[name] !== "")) return {};
  const direct: unknown = http.inspect("noProxy")?.globalValue;
  const hosts = Array.isArray(direct) ? direct.filter((host) => typeof host === "string") : [];
  const around = [inherited.NO_PROXY ?? inherited.no_proxy ?? "", ...hosts, "localhost", "127.0.0.1", "::1"];
  return { HTTP_PROXY: proxy.trim(), HTTPS_PROXY: proxy.trim(), NO_PROXY: around.filter((host) => host !== "").join(",") };
}

/** Set a value where the one that counts now is set: in the workspace, else for this user on this machine. */
export async function write(name: string, value: unknown): Promise<void> {
  const section = vscode.workspace.getConfiguration(SECTION);
  const isOfWorkspace = section.inspect(name)?.workspaceValue !== undefined;
  const target = isOfWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await section.update(name, value, target);
}

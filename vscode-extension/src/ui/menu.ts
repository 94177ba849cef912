/** The menu of the status bar item. */

import * as vscode from "vscode";
import { t } from "../l10n.js";
import * as settings from "../settings.js";
import type { StatusState } from "./status.js";

interface MenuItem extends vscode.QuickPickItem {
  readonly command: string;
}

/** Show what can be done now, and do what is chosen. */
export async function showMenu(state: StatusState): Promise<void> {
  const item = (icon: string, label: string, command: string): MenuItem => ({ label: `$(${icon}) ${label}`, command: `kodopis.${command}` });
  const isRunning = state.stage.kind === "running";
  const { automatic } = settings.read();
  const running = [
    item("symbol-misc", t("Choose a model…"), "chooseModel"),
    item(automatic ? "circle-slash" : "sparkle", automatic ? t("Do not suggest automatically") : t("Suggest automatically"), "toggleAutomatic"),
    item("graph", t("Statistics"), "showStatistics"),
    item("debug-stop", t("Stop the engine, free its memory"), "stopModel"),
  ];
  const always = [
    item("debug-restart", t("Restart"), "restart"),
    item("output", t("Show log"), "showLog"),
    item("tools", t("Install or repair"), "repair"),
    item("book", t("First steps"), "openWalkthrough"),
  ];
  const title = state.stage.kind === "failed" ? state.stage.message : (state.server?.message ?? t("Kodopis"));
  const chosen = await vscode.window.showQuickPick([...(isRunning ? running : []), ...always], { title });
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}

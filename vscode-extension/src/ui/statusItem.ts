/** The one status bar item. What it shows is `status`'s matter. */

import * as vscode from "vscode";
import { t } from "../l10n.js";
import { INITIAL, reduce, show, type StatusEvent, type StatusState } from "./status.js";

export class StatusItem implements vscode.Disposable {
  private state: StatusState = INITIAL;
  private readonly item = vscode.window.createStatusBarItem("kodopis.status", vscode.StatusBarAlignment.Right, 90);

  constructor() {
    this.item.command = "kodopis.menu";
    this.draw();
    this.item.show();
  }

  /** What is known now. */
  get current(): StatusState {
    return this.state;
  }

  /** Something has changed. */
  take(event: StatusEvent): void {
    this.state = reduce(this.state, event);
    this.draw();
    void vscode.commands.executeCommand("setContext", "kodopis.ready", this.state.server?.state === "ready");
  }

  /** Draw again, as the language may have changed. */
  draw(): void {
    const { icon, text, args, detail, severity } = show(this.state);
    this.item.name = t("Kodopis");
    this.item.text = `$(${icon}) ${t(text, ...args)}`;
    this.item.tooltip = [t("Kodopis"), detail, speed(this.state)].filter((line) => line !== undefined).join("\n");
    this.item.backgroundColor = severity === "normal" ? undefined : new vscode.ThemeColor(`statusBarItem.${severity}Background`);
    this.item.accessibilityInformation = { label: t(text, ...args) };
  }

  dispose(): void {
    this.item.dispose();
  }
}

function speed({ server }: StatusState): string | undefined {
  const tokensPerSecond = server?.tokensPerSecond;
  return typeof tokensPerSecond === "number" ? t("{0} tokens/s", tokensPerSecond.toFixed(1)) : undefined;
}

/**
 * VS Code's inline suggestion, driven by its own commands. It asks by itself when the user types; what has grown since is
 * shown by having it ask again.
 */

import * as vscode from "vscode";
import { Causes, type Caused } from "./causes.js";

const TRIGGER = "editor.action.inlineSuggest.trigger";
const HIDE = "editor.action.inlineSuggest.hide";
/** The editor needs some time to draw. */
const BETWEEN_DRAWINGS_MS = 40;

export class InlineSuggest {
  private readonly causes = new Causes();
  private lastWasInvoked = false;
  private isDrawing = false;
  private drawAgain = false;

  /** VS Code asks: which of our calls is this, if any? */
  claim(document: vscode.TextDocument, context: vscode.InlineCompletionContext): Caused | undefined {
    this.lastWasInvoked = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
    return this.lastWasInvoked ? this.causes.claim(document.version) : undefined;
  }

  /**
   * Have VS Code ask, and know that it was us. At an unchanged place it does not ask a second time by command while it
   * has an answer; hiding takes that away. Both run in one go in the editor's own process, so that nothing flickers.
   */
  async trigger(caused: Caused): Promise<void> {
    if (!this.causes.begin(caused, vscode.window.activeTextEditor?.document.version)) return;
    const commands = this.lastWasInvoked ? [HIDE, TRIGGER] : [TRIGGER];
    try {
      await vscode.commands.executeCommand("runCommands", { commands });
    } finally {
      this.causes.end(caused);
    }
  }

  /** Draw what has grown, as often as there is something new and the editor can follow. */
  async redraw(isWanted: () => boolean): Promise<void> {
    this.drawAgain = true;
    if (this.isDrawing) return;
    this.isDrawing = true;
    try {
      while (this.drawAgain && isWanted()) {
        this.drawAgain = false;
        await this.trigger("redraw");
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_DRAWINGS_MS));
      }
    } finally {
      this.isDrawing = false;
    }
  }

  /** Go to another of several answers. */
  async step(isForward: boolean): Promise<void> {
    await vscode.commands.executeCommand(`editor.action.inlineSuggest.${isForward ? "showNext" : "showPrevious"}`);
  }

  /** Show nothing. */
  async hide(): Promise<void> {
    await vscode.commands.executeCommand(HIDE);
  }
}

/** The key Esc stops the generation while this is on: see keybindings in package.json. */
export function setGenerating(isOn: boolean): void {
  void vscode.commands.executeCommand("setContext", "kodopis.generating", isOn);
}

/** The keys for the next and previous answer fetch some while this is on; otherwise they are VS Code's own. */
export function setCanVary(isOn: boolean): void {
  void vscode.commands.executeCommand("setContext", "kodopis.canVary", isOn);
}

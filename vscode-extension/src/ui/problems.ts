/** Says what went wrong, once, with buttons that help. */

import * as vscode from "vscode";

export interface Remedy {
  readonly title: string;
  run(): unknown;
}

/** Messages said so far in this window; the same one is not said again until things went well in between. */
export class Problems {
  private readonly said = new Set<string>();

  /** Say it unless it was said. Does not wait for the user. */
  tellOnce(text: string, remedies: readonly Remedy[]): void {
    if (!this.said.has(text)) this.tell(text, remedies);
  }

  /** Say it, as the user has just asked for something. Does not wait for the user. */
  tell(text: string, remedies: readonly Remedy[], isWarning = false): void {
    this.said.add(text);
    void this.ask(text, remedies, isWarning);
  }

  /** Things go well again: from now on everything is news. */
  clear(): void {
    this.said.clear();
  }

  private async ask(text: string, remedies: readonly Remedy[], isWarning: boolean): Promise<void> {
    const titles = remedies.map((remedy) => remedy.title);
    const chosen = await (isWarning ? vscode.window.showWarningMessage(text, ...titles) : vscode.window.showErrorMessage(text, ...titles));
    try {
      await remedies.find((remedy) => remedy.title === chosen)?.run();
    } catch (error) {
      this.tell(error instanceof Error ? error.message : String(error), []);
    }
  }
}

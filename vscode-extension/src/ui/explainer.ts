/** Explains code in the panel: asks, shows the answer while it grows, stops when the panel is closed. */

import * as crypto from "node:crypto";
import * as vscode from "vscode";
import { t } from "../l10n.js";
import { isCancellation } from "../server/errors.js";
import type { PartialParams } from "../server/protocol.js";
import { ExplainPanel } from "./explainPanel.js";

type Ask = (argument: object, token: vscode.CancellationToken) => Promise<{ readonly markdown: string }>;

export class Explainer implements vscode.Disposable {
  private readonly panel = new ExplainPanel();
  private current: { readonly token: string; readonly cancellation: vscode.CancellationTokenSource } | undefined;

  constructor(private readonly ask: Ask) {
    this.panel.onClosed(() => { this.cancel(); });
  }

  dispose(): void {
    this.cancel();
    this.panel.dispose();
  }

  /** Explain what the command's argument names. A new question takes the place of the one before. */
  async explain(argument: object): Promise<void> {
    this.cancel();
    const asked = { token: crypto.randomUUID(), cancellation: new vscode.CancellationTokenSource() };
    this.current = asked;
    this.panel.open();
    try {
      const { markdown } = await this.ask({ ...argument, partialToken: asked.token }, asked.cancellation.token);
      if (this.current === asked) await this.panel.show(markdown);
    } catch (error) {
      if (this.current !== asked) return;
      const isCalledOff = isCancellation(error);
      if (!isCalledOff || this.panel.isEmpty) await this.panel.show(t("There is no explanation."));
      if (!isCalledOff) throw error;
    } finally {
      if (this.current === asked) this.current = undefined;
    }
  }

  /** Part of an answer has come. */
  onPartial({ token, text }: PartialParams): void {
    if (token === undefined || token === null || token !== this.current?.token || text === "") return;
    void this.panel.show(text).catch(() => undefined); // where parts cannot be shown, the whole answer tells why
  }

  private cancel(): void {
    this.current?.cancellation.cancel();
    this.current = undefined;
  }
}

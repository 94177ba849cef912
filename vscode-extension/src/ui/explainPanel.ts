/** The panel beside the editor in which an explanation grows. */

import * as crypto from "node:crypto";
import * as vscode from "vscode";
import { t } from "../l10n.js";

export class ExplainPanel implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private drawing: Promise<void> = Promise.resolve();
  private latest = "";
  /** What is shown. VS Code throws a hidden page away, and loads it anew when it is seen again. */
  private html: string | undefined;
  /** Counts the texts that the panel was opened for. */
  private round = 0;
  private readonly closed = new vscode.EventEmitter<void>();
  /** The user has closed the panel. */
  readonly onClosed = this.closed.event;

  dispose(): void {
    this.panel?.dispose();
    this.closed.dispose();
  }

  /** Open it, or take the open one for another text. */
  open(): void {
    if (!this.panel) {
      const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.panel = vscode.window.createWebviewPanel("kodopis.explain", "", where, { enableScripts: true, localResourceRoots: [] });
      this.panel.onDidDispose(() => {
        this.panel = undefined;
        this.closed.fire();
      });
      // Each page says so when it is loaded.
      this.panel.webview.onDidReceiveMessage(() => this.post());
    } else {
      this.panel.reveal(undefined, true);
    }
    this.panel.title = t("Explanation");
    this.panel.webview.html = page(t("Thinking…"));
    this.latest = "";
    this.html = undefined;
    this.round += 1;
  }

  /** Whether nothing was shown since it was opened. */
  get isEmpty(): boolean {
    return this.latest === "";
  }

  /** Show the text as far as it is. Drawings that are overtaken by newer text are left out. */
  async show(markdown: string): Promise<void> {
    this.latest = markdown;
    const { round } = this;
    const drawn = this.drawing.then(() => this.draw(markdown, round));
    this.drawing = drawn.catch(() => undefined); // the next drawing is not to fail with this one
    return drawn;
  }

  private async draw(markdown: string, round: number): Promise<void> {
    if (this.latest !== markdown || !this.panel) return;
    const html = await vscode.commands.executeCommand<string>("markdown.api.render", markdown);
    if (this.round !== round) return;
    this.html = html;
    await this.post();
  }

  private async post(): Promise<void> {
    if (this.html !== undefined) await this.panel?.webview.postMessage({ html: this.html });
  }
}

/** The rendered Markdown comes as a message; the policy lets nothing in it run or load. */
function page(waiting: string): string {
  const nonce = crypto.randomBytes(16).toString("base64");
  return `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'">
<style>
body { padding: 0.5em 1.5em; line-height: 1.5; font-family: var(--vscode-font-family); font-size: var(--vscode-font-size); color: var(--vscode-editor-foreground); }
pre { padding: 0.8em; overflow-x: auto; background: var(--vscode-textCodeBlock-background); border-radius: 3px; }
code { font-family: var(--vscode-editor-font-family); font-size: var(--vscode-editor-font-size); }
pre code { padding: 0; background: none; }
.waiting { opacity: 0.6; }
</style>
</head>
<body>
<main><p class="waiting">${waiting}</p></main>
<script nonce="${nonce}">
const main = document.querySelector("main");
addEventListener("message", ({ data }) => { main.innerHTML = data.html; });
acquireVsCodeApi().postMessage("loaded");
</script>
</body>
</html>`;
}

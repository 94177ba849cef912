/**
 * Work that the server reports and that can be called off, as a notification with a button.
 *
 * The language client's own way is a text in the status bar: it has no button, and the status item says the rest.
 */

import * as vscode from "vscode";
import type { ProgressToken, WorkDoneProgressBegin, WorkDoneProgressEnd, WorkDoneProgressReport } from "vscode-languageclient/node";

type Params = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

interface Shown {
  percent: number;
  progress: vscode.Progress<{ message?: string; increment?: number }> | undefined;
  end(): void;
}

export class WorkProgress {
  private readonly shown = new Map<ProgressToken, Shown>();

  /** `cancel` tells the server that the user has called the work off. */
  constructor(private readonly cancel: (token: ProgressToken) => void) {}

  /** The server reports. */
  take(token: ProgressToken, params: Params): void {
    if (params.kind === "begin" && params.cancellable === true) this.begin(token, params);
    else if (params.kind === "report") this.report(token, params);
    else if (params.kind === "end") this.end(token);
  }

  /** The server is gone, and nothing of it goes on. */
  clear(): void {
    for (const token of this.shown.keys()) this.end(token);
  }

  private begin(token: ProgressToken, { title }: WorkDoneProgressBegin): void {
    const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title };
    const { promise: ended, resolve } = deferred();
    this.shown.set(token, { percent: 0, progress: undefined, end: resolve });
    void vscode.window.withProgress(options, (progress, cancellation) => {
      cancellation.onCancellationRequested(() => {
        this.cancel(token);
        this.end(token);
      });
      const shown = this.shown.get(token);
      if (shown) shown.progress = progress;
      return ended;
    });
  }

  private report(token: ProgressToken, { message, percentage }: WorkDoneProgressReport): void {
    const shown = this.shown.get(token);
    if (!shown) return;
    const increment = Math.max(0, (percentage ?? 0) - shown.percent);
    shown.percent += increment;
    shown.progress?.report({ increment, ...(message === undefined ? {} : { message }) });
  }

  private end(token: ProgressToken): void {
    this.shown.get(token)?.end();
    this.shown.delete(token);
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => { resolve = done; });
  return { promise, resolve };
}

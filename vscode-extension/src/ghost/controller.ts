/**
 * Ghost text that grows in VS Code, which knows only whole answers.
 *
 * Owns the one request that is with the server, and answers VS Code from what has come of it: the first partial answers
 * VS Code's own call, and each later one makes VS Code call again (`editor.action.inlineSuggest.trigger`), which is answered
 * from here and never reaches the server. What an answer is worth along the user's typing is `session`'s matter.
 */

import * as vscode from "vscode";
import { CancellationTokenSource } from "vscode-languageclient/node";
import type { PartialParams } from "../server/protocol.js";
import { addVariants, begin, finish, grow, judge, suggestions, type Arrived, type GhostSession, type Place, type Verdict } from "./session.js";

export interface Item {
  readonly text: string;
  readonly start: Place | undefined;
}

/** The server as seen from here. Neither fails: what goes wrong is reported there, and nothing is suggested. */
export interface Source {
  request(document: vscode.TextDocument, position: vscode.Position, isInvoked: boolean, token: vscode.CancellationToken): Promise<Item[]>;
  variants(document: vscode.TextDocument, position: vscode.Position, token: vscode.CancellationToken): Promise<Item[]>;
}

/** A generation that ends sooner than this needs no key to stop it. */
const STOPPABLE_AFTER_MS = 100;

/** A call of VS Code that we have caused: to draw what has grown, to ask again as if it came by itself, or for the user. */
type Caused = "redraw" | "again" | "byHand";

/** Shown texts change no more often than this, so that the editor has time to draw. */
const REDRAW_MS = 40;

interface Live {
  session: GhostSession;
  readonly document: vscode.TextDocument;
  readonly cancellation: CancellationTokenSource;
  /** Calls of VS Code that wait for something to show. */
  waiting: (() => void)[];
  /** Where the cursor was seen last, and in which version. */
  seen: { version: number; position: vscode.Position };
  hasVariants: boolean;
}

export class GhostController implements vscode.Disposable {
  private live: Live | undefined;
  private caused: Caused | undefined;
  private isDrawing = false;
  private redrawAgain = false;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly source: Source) {
    this.subscriptions = [
      vscode.window.onDidChangeTextEditorSelection((event) => { this.onSelection(event); }),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor && editor.document !== this.live?.document) this.cancel();
      }),
      vscode.workspace.onDidChangeTextDocument((event) => { this.onEdit(event); }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        if (document === this.live?.document) this.cancel();
      }),
    ];
  }

  dispose(): void {
    this.cancel();
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** VS Code asks what to show. */
  async provide(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[]> {
    const isInvoked = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
    const caused = isInvoked ? this.caused : undefined;
    if (isInvoked) this.caused = undefined;
    const verdict = this.verdict(document, position);
    if (caused === "redraw") return this.items(document, position);
    if (caused !== "byHand" && verdict === "agrees") {
      this.note(document, position);
      if (isInvoked) await this.fetchVariants(token);
      return this.items(document, position);
    }
    if (caused === "byHand" || verdict !== "ahead") this.start(document, position, isInvoked && caused !== "again");
    this.note(document, position);
    await this.growth(token);
    return token.isCancellationRequested ? [] : this.items(document, position);
  }

  /** The user asks here and now, with or without an instruction. */
  async suggest(): Promise<void> {
    await this.trigger("byHand");
  }

  /** Part of an answer has come. */
  onPartial(params: PartialParams): void {
    const { live } = this;
    if (!live || params.textDocument === undefined || params.position === undefined) return;
    const { session } = live;
    const isOurs = params.textDocument.uri === session.uri && samePlace(params.position, session.asked);
    if (!isOurs || session.phase === "done") return;
    live.session = grow(session, arrived(live, { text: params.text, start: params.range?.start }), params.done);
    this.changed(live);
  }

  /** Stop the generation and forget the answer. */
  cancel(): void {
    const { live } = this;
    if (!live) return;
    this.live = undefined;
    live.cancellation.cancel();
    live.cancellation.dispose();
    wake(live);
    void setGenerating(false);
  }

  private start(document: vscode.TextDocument, position: vscode.Position, isInvoked: boolean): void {
    this.cancel();
    const before = document.lineAt(position.line).text.slice(0, position.character);
    const live: Live = {
      session: begin(document.uri.toString(), position, before),
      document,
      cancellation: new CancellationTokenSource(),
      waiting: [],
      seen: { version: document.version, position },
      hasVariants: false,
    };
    this.live = live;
    void this.run(live, position, isInvoked);
  }

  private async run(live: Live, position: vscode.Position, isInvoked: boolean): Promise<void> {
    const stoppable = setTimeout(() => void setGenerating(true), STOPPABLE_AFTER_MS);
    const items = await this.source.request(live.document, position, isInvoked, live.cancellation.token);
    clearTimeout(stoppable);
    if (this.live !== live) return;
    void setGenerating(false);
    live.session = finish(live.session, items.map((item) => arrived(live, item)));
    this.changed(live);
    if (live.session.answers.every((answer) => answer.trim() === "")) this.cancel();
  }

  /** Something more has come: answer the call that waits for it, or have VS Code ask again. */
  private changed(live: Live): void {
    const editor = activeEditorOf(live.document);
    const verdict = editor ? this.verdict(live.document, editor.selection.active) : "ahead";
    if (verdict === "differs") {
      this.cancel();
      if (editor && !samePlace(editor.selection.active, live.session.asked)) void this.trigger("again");
      return;
    }
    if (verdict === "agrees" && live.waiting.length === 0) void this.redraw();
    if (verdict === "agrees" || live.session.phase === "done") wake(live);
  }

  private async redraw(): Promise<void> {
    this.redrawAgain = true;
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.redrawAgain && this.live && activeEditorOf(this.live.document)) {
      this.redrawAgain = false;
      await this.trigger("redraw");
      await new Promise((resolve) => setTimeout(resolve, REDRAW_MS));
    }
    this.isDrawing = false;
  }

  /** Have VS Code ask again, and know that it was us. */
  private async trigger(caused: Caused): Promise<void> {
    this.caused = caused;
    try {
      await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    } finally {
      if (this.caused === caused) this.caused = undefined;
    }
  }

  private async growth(token: vscode.CancellationToken): Promise<void> {
    const { live } = this;
    if (!live || (live.session.phase === "done" && live.session.answers.length > 0)) return;
    await new Promise<void>((resolve) => {
      live.waiting.push(resolve);
      token.onCancellationRequested(() => { resolve(); live.waiting = live.waiting.filter((other) => other !== resolve); });
    });
  }

  private async fetchVariants(token: vscode.CancellationToken): Promise<void> {
    const { live } = this;
    if (live?.session.phase !== "done" || live.hasVariants) return;
    live.hasVariants = true;
    try {
      const items = await this.source.variants(live.document, live.seen.position, token);
      if (this.live === live) live.session = addVariants(live.session, items.map((item) => arrived(live, item)));
    } catch {
      live.hasVariants = false;
    }
    if (token.isCancellationRequested) live.hasVariants = false;
  }

  private items(document: vscode.TextDocument, position: vscode.Position): vscode.InlineCompletionItem[] {
    const { live } = this;
    if (live?.document !== document) return [];
    return suggestions(live.session, this.typed(live, position), position).map(
      ({ text, start, end }) =>
        new vscode.InlineCompletionItem(text, new vscode.Range(start.line, start.character, end.line, end.character)),
    );
  }

  private verdict(document: vscode.TextDocument, position: vscode.Position): Verdict {
    const { live } = this;
    if (live?.document !== document || position.line < live.session.start.line) return "differs";
    return judge(live.session, this.typed(live, position));
  }

  private typed(live: Live, position: vscode.Position): string {
    const { line, character } = live.session.start;
    return live.document.getText(new vscode.Range(line, character, position.line, position.character));
  }

  private note(document: vscode.TextDocument, position: vscode.Position): void {
    if (this.live?.document === document) this.live.seen = { version: document.version, position };
  }

  private onSelection(event: vscode.TextEditorSelectionChangeEvent): void {
    const { live } = this;
    const [selection] = event.selections;
    if (live === undefined || selection === undefined || event.textEditor.document !== live.document) return;
    const { version, position } = live.seen;
    const isMoved = live.document.version === version && !selection.active.isEqual(position);
    const verdict = this.verdict(live.document, selection.active);
    if (isMoved || !selection.isEmpty || verdict === "differs" || verdict === "used") this.cancel();
    else this.note(live.document, selection.active);
  }

  private onEdit(event: vscode.TextDocumentChangeEvent): void {
    const { live } = this;
    if (live?.document !== event.document) return;
    if (event.contentChanges.some((change) => change.range.start.line < live.session.start.line)) this.cancel();
  }
}

/** Answers count from the session's start; the server's items start where the cursor's line does by now. */
function arrived({ document, session }: Live, { text, start }: Item): Arrived {
  if (start === undefined) return { text, lead: "" };
  const between = new vscode.Range(session.start.line, session.start.character, start.line, start.character);
  return { text, lead: start.line < session.start.line ? "" : document.getText(between) };
}

function wake(live: Live): void {
  const { waiting } = live;
  live.waiting = [];
  for (const resolve of waiting) resolve();
}

function samePlace(one: Place, other: Place): boolean {
  return one.line === other.line && one.character === other.character;
}

function activeEditorOf(document: vscode.TextDocument): vscode.TextEditor | undefined {
  const editor = vscode.window.activeTextEditor;
  return editor?.document === document ? editor : undefined;
}

/** The key Esc stops the generation while this is on: see keybindings in package.json. */
function setGenerating(isOn: boolean): Thenable<unknown> {
  return vscode.commands.executeCommand("setContext", "kodopis.generating", isOn);
}

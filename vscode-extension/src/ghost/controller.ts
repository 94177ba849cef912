/**
 * Ghost text that grows in VS Code, which knows only whole answers.
 *
 * Owns the one request that is with the server, and answers VS Code from what has come of it: the first partial answers
 * VS Code's own call, and each later line makes VS Code call again (`inlineSuggest`), which is answered from here and
 * never reaches the server. What an answer is worth along the user's typing is `session`'s matter.
 */

import * as vscode from "vscode";
import { CancellationTokenSource } from "vscode-languageclient/node";
import { InlineSuggest, setCanVary, setGenerating } from "./inlineSuggest.js";
import type { PartialParams } from "../server/protocol.js";
import {
  addVariants, begin, finish, grow, isWorthDrawing, judge, suggestions,
  type Arrived, type Drawn, type GhostSession, type Place, type Verdict,
} from "./session.js";

export interface Item {
  readonly text: string;
  readonly start: Place | undefined;
  readonly end: Place | undefined;
}

/** The server as seen from here. Neither fails: what goes wrong is reported there, and nothing is suggested. */
export interface Source {
  request(document: vscode.TextDocument, position: vscode.Position, isInvoked: boolean, token: vscode.CancellationToken): Promise<Item[]>;
  variants(document: vscode.TextDocument, position: vscode.Position, token: vscode.CancellationToken): Promise<Item[]>;
}

/** A generation that ends sooner than this needs no key to stop it. */
const STOPPABLE_AFTER_MS = 100;

interface Live {
  session: GhostSession;
  readonly document: vscode.TextDocument;
  readonly cancellation: CancellationTokenSource;
  /** Calls of VS Code that wait for something to show. */
  waiting: (() => void)[];
  /** Where the cursor was seen last, and in which version. */
  seen: { version: number; position: vscode.Position };
  drawn: Drawn;
  variants: "none" | "asked" | "there";
}

export class GhostController implements vscode.Disposable {
  private live: Live | undefined;
  private readonly suggest = new InlineSuggest();
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
    const caused = this.suggest.claim(document, context);
    if (caused === "redraw") return this.items(document, position);
    const isInvoked = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke && caused !== "again";
    const verdict = caused === "byHand" ? "differs" : this.verdict(document, position);
    if (verdict === "differs" || verdict === "used") this.start(document, position, isInvoked);
    this.note(document, position);
    if (verdict !== "agrees") await this.growth(token);
    return token.isCancellationRequested ? [] : this.items(document, position);
  }

  /** The user asks here and now, with or without an instruction. */
  async ask(): Promise<void> {
    await this.suggest.trigger("byHand");
  }

  /** There is somebody to ask now: what the user has written before counts as just written. */
  async askAgain(): Promise<void> {
    if (vscode.window.activeTextEditor?.document.languageId === "python") await this.suggest.trigger("again");
  }

  /** The user wants another answer: fetch some, then show the next or the previous one. */
  async vary(isForward: boolean): Promise<void> {
    const { live } = this;
    if (live?.session.phase !== "done" || live.variants === "asked") return;
    if (live.variants === "none") {
      live.variants = "asked";
      const items = await this.source.variants(live.document, live.seen.position, live.cancellation.token);
      if (this.live !== live) return;
      live.session = addVariants(live.session, items.map((item) => arrived(live, item)));
      live.variants = "there";
      setCanVary(false);
      await this.suggest.trigger("redraw");
    }
    await this.suggest.step(isForward);
  }

  /** The user wants none of it. */
  async drop(): Promise<void> {
    this.cancel();
    await this.suggest.hide();
  }

  /** Part of an answer has come. */
  onPartial(params: PartialParams): void {
    const { live } = this;
    if (!live || params.textDocument === undefined || params.position === undefined) return;
    const { session } = live;
    const isOurs = params.textDocument.uri === session.uri && samePlace(params.position, session.asked);
    if (!isOurs || session.phase === "done") return;
    const { text, range, textDocument } = params;
    const isCurrent = (textDocument.version ?? live.document.version) === live.document.version;
    live.session = grow(session, arrived(live, { text, start: range?.start, end: range?.end }, isCurrent), params.done);
    this.changed(live);
  }

  /** Stop the generation and forget the answer. */
  cancel(): void {
    setGenerating(false);
    setCanVary(false);
    const { live } = this;
    if (!live) return;
    this.live = undefined;
    live.cancellation.cancel();
    live.cancellation.dispose();
    wake(live);
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
      drawn: { text: "", atMs: Date.now() },
      variants: "none",
    };
    this.live = live;
    void this.run(live, position, isInvoked);
  }

  private async run(live: Live, position: vscode.Position, isInvoked: boolean): Promise<void> {
    const stoppable = setTimeout(() => { if (this.live === live) setGenerating(true); }, STOPPABLE_AFTER_MS);
    const items = await this.source.request(live.document, position, isInvoked, live.cancellation.token);
    clearTimeout(stoppable);
    if (this.live !== live) return;
    setGenerating(false);
    live.session = finish(live.session, items.map((item) => arrived(live, item)));
    if (live.session.answers.every((answer) => answer.trim() === "")) this.cancel();
    else setCanVary(true);
    this.changed(live);
  }

  /** Something more has come: answer the call that waits for it, or have VS Code ask again. */
  private changed(live: Live): void {
    const editor = activeEditorOf(live.document);
    const verdict = editor ? this.verdict(live.document, editor.selection.active) : "ahead";
    if (verdict === "differs") {
      this.cancel();
      if (editor && !samePlace(editor.selection.active, live.session.asked)) void this.suggest.trigger("again");
      return;
    }
    const [text = ""] = live.session.answers;
    if (live.session.phase !== "done" && (verdict !== "agrees" || !isWorthDrawing(text, live.drawn, Date.now()))) return;
    const isNew = text.trimEnd() !== live.drawn.text.trimEnd();
    live.drawn = { text, atMs: Date.now() };
    if (live.waiting.length > 0) wake(live);
    else if (verdict === "agrees" && isNew) void this.suggest.redraw(() => this.live === live && activeEditorOf(live.document) !== undefined);
  }

  private async growth(token: vscode.CancellationToken): Promise<void> {
    const { live } = this;
    if (!live || (live.session.phase === "done" && live.session.answers.length > 0)) return;
    await new Promise<void>((resolve) => {
      live.waiting.push(resolve);
      token.onCancellationRequested(() => { resolve(); live.waiting = live.waiting.filter((other) => other !== resolve); });
    });
  }

  private items(document: vscode.TextDocument, position: vscode.Position): vscode.InlineCompletionItem[] {
    const { live } = this;
    if (live?.document !== document) return [];
    const nBehind = document.lineAt(position.line).text.length - position.character;
    return suggestions(live.session, this.typed(live, position), position, nBehind).map(
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
    // The file may be open in another editor too, whose cursor the typing moves along.
    const active = vscode.window.activeTextEditor;
    if (active !== undefined && event.textEditor !== active) return;
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

/**
 * Answers count from the session's start; the server's items start where the cursor's line does by now. Where they end
 * is told by what they leave of the line, as typing moves the rest. `isCurrent`: the item is for the file as it is now.
 * Items that name no version may be for an older one, and count only where nothing is known from those that do.
 */
function arrived({ document, session }: Live, { text, start, end }: Item, isCurrent = session.kept === undefined): Arrived {
  const kept = end && isCurrent && end.line < document.lineCount
    ? Math.max(0, document.lineAt(end.line).text.length - end.character)
    : undefined;
  if (start === undefined) return { text, lead: "", kept };
  const between = new vscode.Range(session.start.line, session.start.character, start.line, start.character);
  return { text, lead: start.line < session.start.line ? "" : document.getText(between), kept };
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

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as vscode from "vscode";
import { GhostController, type Item, type Source } from "../src/ghost/controller.js";
import { stub } from "./stub/state.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const URI = "file:///a.py";
const AUTOMATIC = { triggerKind: 1 } as unknown as vscode.InlineCompletionContext;
const TOKEN = { isCancellationRequested: false, onCancellationRequested: () => undefined } as unknown as vscode.CancellationToken;

/** A document of one line. */
const documentOf = (line: string): vscode.TextDocument =>
  ({
    uri: URI,
    version: 1,
    lineCount: 1,
    lineAt: () => ({ text: line }),
    getText: (range: vscode.Range) => line.slice(range.start.character, range.end.character),
  }) as unknown as vscode.TextDocument;

function controller(request: () => Promise<Item[]>): GhostController {
  const source: Source = { request, variants: () => Promise.resolve([]) };
  return new GhostController(source);
}

describe("the key Esc", () => {
  const moveTo = (document: vscode.TextDocument, line: number): void => {
    stub.selected.fire({ selections: [{ active: new vscode.Position(line, 0), isEmpty: true }], textEditor: { document } });
  };

  it("is not ours after a request that was cancelled at once", async () => {
    let answer: (items: Item[]) => void = () => undefined;
    const ghost = controller(() => new Promise((resolve) => { answer = resolve; }));
    const document = documentOf("");
    void ghost.provide(document, new vscode.Position(1, 0), AUTOMATIC, TOKEN);
    moveTo(document, 0);
    await sleep(150);
    assert.ok(!stub.contexts.get("kodopis.generating"));
    answer([]);
    await sleep(10);
    assert.ok(!stub.contexts.get("kodopis.generating"));
  });

  it("is given back by cancelling, whatever is under way", () => {
    const ghost = controller(() => Promise.resolve([]));
    stub.contexts.set("kodopis.generating", true);
    ghost.cancel();
    assert.equal(stub.contexts.get("kodopis.generating"), false);
  });
});

describe("a file in two editors", () => {
  it("is written on in the one that has the focus, wherever the other's cursor is moved by the text", async () => {
    let cancelled: boolean | undefined;
    const source: Source = {
      request: (_document, _position, _isInvoked, token) => {
        token.onCancellationRequested(() => { cancelled = true; });
        return new Promise(() => undefined);
      },
      variants: () => Promise.resolve([]),
    };
    const ghost = new GhostController(source);
    const document = documentOf("x = ");
    const [here, beside] = [{ document }, { document }];
    stub.activeEditor = here;
    void ghost.provide(document, new vscode.Position(0, 4), AUTOMATIC, TOKEN);
    stub.selected.fire({ selections: [{ active: new vscode.Position(7, 0), isEmpty: true }], textEditor: beside });
    assert.equal(cancelled, undefined);
    stub.selected.fire({ selections: [{ active: new vscode.Position(7, 0), isEmpty: true }], textEditor: here });
    assert.equal(cancelled, true);
    stub.activeEditor = undefined;
    await sleep(1);
  });
});

describe("an item of the server", () => {
  const line = "# верни сумму";
  const position = new vscode.Position(0, 8);
  const item = (text: string, end: number): Item => ({ text, start: { line: 0, character: 0 }, end: { line: 0, character: end } });
  const shown = async (items: Item[], text = line): Promise<unknown[]> => {
    const got = await controller(() => Promise.resolve(items)).provide(documentOf(text), position, AUTOMATIC, TOKEN);
    return got.map(({ insertText, range }) => [insertText, range?.end.character]);
  };

  it("replaces what stands behind the cursor as far as its range goes", async () => {
    assert.deepEqual(await shown([item(`${line}\nreturn sum(xs)`, line.length)]), [[`${line}\nreturn sum(xs)`, line.length]]);
    assert.deepEqual(await shown([item("# верни всё", 8)]), [["# верни всё", 8]]);
  });

  it("is understood by its parts too, and those of an older version tell no end", async () => {
    for (const [version, end] of [[1, line.length], [0, 8]] as const) {
      const ghost = controller(() => new Promise(() => undefined));
      const waiting = ghost.provide(documentOf(line), position, AUTOMATIC, TOKEN);
      const range = { start: { line: 0, character: 0 }, end: { line: 0, character: line.length } };
      ghost.onPartial({ textDocument: { uri: URI, version }, position: { line: 0, character: 8 }, range, text: `${line}\npass`, done: true });
      assert.equal((await waiting)[0]?.range?.end.character, end);
    }
  });
});

/**
 * As much of VS Code as the extension's own logic needs to be tested without one. The build puts it in the place of the
 * module "vscode"; whatever is missing here is an empty class.
 */

import { EventEmitter, Panel, stub } from "./state.js";

class Position {
  constructor(readonly line: number, readonly character: number) {}
  isBefore(other: Position): boolean {
    return this.line < other.line || (this.line === other.line && this.character < other.character);
  }
  isEqual(other: Position): boolean {
    return other.line === this.line && other.character === this.character;
  }
}

class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(startLine: number, startCharacter: number, endLine: number, endCharacter: number) {
    this.start = new Position(startLine, startCharacter);
    this.end = new Position(endLine, endCharacter);
  }
  get isEmpty(): boolean {
    return this.start.isEqual(this.end);
  }
  intersection(other: Range): Range | undefined {
    return this.end.isBefore(other.start) || other.end.isBefore(this.start) ? undefined : this;
  }
}

class InlineCompletionItem {
  constructor(readonly insertText: string, readonly range: Range) {}
}

class CancellationError extends Error {}

class ThemeColor {
  constructor(readonly id: string) {}
}

class CancellationTokenSource {
  private readonly cancelled = new EventEmitter<undefined>();
  readonly token = { isCancellationRequested: false, onCancellationRequested: this.cancelled.event };
  cancel(): void {
    this.token.isCancellationRequested = true;
    this.cancelled.fire(undefined);
  }
}

async function ask(text: string, ...rest: unknown[]): Promise<unknown> {
  const [options] = rest;
  const detail = typeof options === "object" && options !== null && "detail" in options ? String(options.detail) : undefined;
  const buttons = rest.filter((one) => typeof one === "string");
  stub.messages.push({ text, detail, buttons });
  const index = stub.presses.findIndex((title) => buttons.includes(title));
  const pressed = index < 0 ? undefined : stub.presses.splice(index, 1)[0];
  await new Promise((resolve) => setTimeout(resolve, 1)); // nobody presses at once
  return pressed;
}

const configuration = {
  // As in VS Code, null is a value, and no value is checked against its type.
  get: (name: string, fallback?: unknown): unknown =>
    [stub.settings.workspace[name], stub.settings.user[name], fallback].find((value) => value !== undefined),
  inspect: (name: string): unknown => ({ globalValue: stub.settings.user[name], workspaceValue: stub.settings.workspace[name] }),
  update: (name: string, value: unknown, target: number): Promise<void> => {
    (target === 2 ? stub.settings.workspace : stub.settings.user)[name] = value;
    return Promise.resolve();
  },
};

/** Of another section, under its whole names; only read here. */
const othersSettings = (section: string): object => ({
  inspect: (name: string): unknown => configuration.inspect(`${section}.${name}`),
});

const nothing = (): { dispose(): void } => ({ dispose: () => undefined });

const known: Record<string, unknown> = {
  __esModule: true, // so that the language client takes this object itself and not a copy of what it names
  EventEmitter,
  Position,
  Range,
  InlineCompletionItem,
  CancellationError,
  InlineCompletionTriggerKind: { Invoke: 0, Automatic: 1 },
  ConfigurationTarget: { Global: 1, Workspace: 2 },
  ViewColumn: { Beside: -2 },
  ProgressLocation: { Notification: 15 },
  QuickPickItemKind: { Separator: -1 },
  StatusBarAlignment: { Right: 2 },
  ThemeColor,
  CancellationTokenSource,
  Uri: { parse: (text: string) => text },
  commands: {
    executeCommand: (name: string, ...args: unknown[]): Promise<unknown> => {
      if (name === "setContext") stub.contexts.set(String(args[0]), args[1]);
      return Promise.resolve(stub.commands.get(name)?.(...args));
    },
    registerCommand: (name: string, run: (...args: unknown[]) => unknown): { dispose(): void } => {
      stub.commands.set(name, run);
      return nothing();
    },
  },
  env: { language: "en" },
  extensions: { getExtension: () => undefined },
  languages: { getDiagnostics: () => stub.diagnostics },
  window: {
    get activeTextEditor() { return stub.activeEditor; },
    visibleTextEditors: [],
    createStatusBarItem: () => ({ show: () => undefined, dispose: () => undefined }),
    createWebviewPanel: (): Panel => {
      const panel = new Panel();
      stub.panels.push(panel);
      return panel;
    },
    onDidChangeActiveTextEditor: nothing,
    onDidChangeWindowState: nothing,
    onDidChangeTextEditorSelection: stub.selected.event,
    showErrorMessage: ask,
    showInputBox: ({ validateInput }: { validateInput?: (value: string) => string | undefined }) =>
      Promise.resolve(stub.input !== undefined && validateInput?.(stub.input) !== undefined ? undefined : stub.input),
    showTextDocument: () => Promise.resolve().then(() => stub.shows()),
    showInformationMessage: ask,
    showWarningMessage: ask,
    showQuickPick: (items: readonly unknown[]) => Promise.resolve(stub.pick(items)),
    withProgress: (_: unknown, task: (progress: unknown, token: unknown) => unknown) => {
      const token = {
        get isCancellationRequested() { return stub.cancelsProgress; },
        onCancellationRequested: (listener: () => unknown) => {
          if (stub.cancelsProgress) listener();
          return nothing();
        },
      };
      return task({ report: () => undefined }, token);
    },
  },
  workspace: {
    getConfiguration: (section: string) => (section === "kodopis" ? configuration : othersSettings(section)),
    isTrusted: true,
    onDidChangeConfiguration: stub.configured.event,
    onDidChangeTextDocument: nothing,
    onDidCloseTextDocument: nothing,
    onDidGrantWorkspaceTrust: nothing,
  },
};

class Missing {
  readonly isStub = true;
}

export = new Proxy(known, { get: (target, name: string) => (name in target ? target[name] : Missing) });

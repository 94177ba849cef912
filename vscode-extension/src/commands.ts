/** What the user can ask for by name: the palette, menus, keys, and the light bulb. */

import * as vscode from "vscode";
import { t } from "./l10n.js";
import type { ServerCommand } from "./server/protocol.js";
import type { Session } from "./session.js";
import * as settings from "./settings.js";
import { showMenu } from "./ui/menu.js";
import { chooseModel, chooseToFetch } from "./ui/models.js";
import { showStatistics } from "./ui/statistics.js";

const EDITS = ["kodopis.write", "kodopis.fix", "kodopis.docstring", "kodopis.tests"] as const;

type Edit = (typeof EDITS)[number];

const isEdit = (command: string): command is Edit => (EDITS as readonly string[]).includes(command);

/** Register every command of package.json. */
export function registerCommands(session: Session): vscode.Disposable[] {
  session.runFromServer = async (command, argument) => {
    if (command === "kodopis.explain") await session.explainer.explain(argument).catch((error: unknown) => { session.report(error); });
    else if (isEdit(command)) await edit(session, command, argument);
    else return session.ask(command as ServerCommand, argument);
    return undefined;
  };
  const handlers: Record<string, () => unknown> = {
    suggest: () => session.suggest(),
    cancelGeneration: () => session.ghost.drop(),
    nextVariant: () => session.ghost.vary(true),
    previousVariant: () => session.ghost.vary(false),
    writeByComment: () => fromEditor(session, "kodopis.write", atCursor),
    explainSelection: () => fromEditor(session, "kodopis.explain", atSelection),
    fixSelection: () => fromEditor(session, "kodopis.fix", withDiagnostics),
    writeDocstring: () => fromEditor(session, "kodopis.docstring", atCursor),
    writeTests: () => fromEditor(session, "kodopis.tests", atSelection),
    chooseModel: () => pickModel(session),
    downloadModel: () => downloadModel(session),
    toggleAutomatic: () => settings.write("automatic", !settings.read().automatic),
    restart: () => session.supervisor.restart(),
    stopModel: () => stopModel(session),
    showLog: () => { session.log.show(); },
    showStatistics: async () => showStatistics(await session.ask("kodopis.statistics", {})),
    useEndpoint: () => session.useEndpoint(),
    setEndpointKey: () => session.setEndpointKey(),
    repair: () => repair(session),
    remove: () => remove(session),
    menu: () => showMenu(session.status.current),
    openWalkthrough: () => vscode.commands.executeCommand("workbench.action.openWalkthrough", "kodopis.kodopis#start", false),
  };
  return Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(`${settings.SECTION}.${name}`, async () => {
      try {
        await handler();
      } catch (error) {
        session.report(error);
      }
    }),
  );
}

type Argument = (editor: vscode.TextEditor) => object;

async function fromEditor(session: Session, command: Edit | "kodopis.explain", argument: Argument): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) {
    void vscode.window.showInformationMessage(t("Open a Python file and put the cursor into its code first."));
    return;
  }
  const textDocument = { uri: editor.document.uri.toString() };
  await session.runFromServer?.(command, { textDocument, ...argument(editor) });
}

function atCursor(editor: vscode.TextEditor): object {
  return { position: toPosition(editor.selection.active) };
}

/** The selection, or the whole of the line where nothing is selected. */
function selected({ document, selection }: vscode.TextEditor): vscode.Range {
  return selection.isEmpty ? document.lineAt(selection.active.line).range : selection;
}

function atSelection(editor: vscode.TextEditor): object {
  return { range: toRange(selected(editor)) };
}

function withDiagnostics(editor: vscode.TextEditor): object {
  const range = selected(editor);
  const near = vscode.languages.getDiagnostics(editor.document.uri).filter((one) => range.intersection(one.range) !== undefined);
  return { range: toRange(range), diagnostics: near.map((one) => ({ message: one.message, range: toRange(one.range) })) };
}

/** VS Code and the protocol count alike; only the classes differ. */
function toPosition({ line, character }: vscode.Position): object {
  return { line, character };
}

function toRange({ start, end }: vscode.Range): object {
  return { start: toPosition(start), end: toPosition(end) };
}

/** The server shows its own progress, and puts the code into the file. */
async function edit(session: Session, command: Edit, argument: object): Promise<void> {
  try {
    await session.ask(command, argument);
  } catch (error) {
    session.report(error);
  }
}

async function pickModel(session: Session): Promise<void> {
  // Without the server's list there is still a file or an address to choose, which may be what is wanted then.
  const models = await session.ask("kodopis.models", {}).then((answer) => answer.models, (error: unknown) => {
    session.log.warn("no list of models", String(error));
    return [];
  });
  const missing = await chooseModel(models);
  if (missing) await session.ask("kodopis.download", { model: missing.id });
}

async function downloadModel(session: Session): Promise<void> {
  const { models } = await session.ask("kodopis.models", {});
  const missing = await chooseToFetch(models);
  if (missing) await session.ask("kodopis.download", { model: missing.id });
}

async function stopModel(session: Session): Promise<void> {
  const { stopped } = await session.ask("kodopis.stopEngine", {});
  const text = stopped ? t("The engine is stopped; it starts again by itself when it is needed.") : t("There was no engine to stop.");
  void vscode.window.showInformationMessage(text);
}

async function repair(session: Session): Promise<void> {
  if (settings.read().serverPython !== "") {
    await session.supervisor.restart();
    return;
  }
  await session.installer.install();
}

async function remove(session: Session): Promise<void> {
  const yes = t("Remove");
  const text = t("Remove Kodopis' Python environment? Models stay; they are shared with other editors.");
  if ((await vscode.window.showWarningMessage(text, { modal: true }, yes)) !== yes) return;
  await session.installer.remove();
  // A server of the user's own Python needs nothing of what was removed.
  if (settings.read().serverPython !== "") await session.supervisor.restart();
}

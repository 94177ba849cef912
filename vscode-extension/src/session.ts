/** One window's Kodopis: the parts put together, and what each tells the others. */

import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { Environment } from "./environment/environment.js";
import { Installer } from "./environment/installer.js";
import { GhostController, type Item } from "./ghost/controller.js";
import { language, setLanguage, t } from "./l10n.js";
import { createClient, requestInline, runServerCommand } from "./server/client.js";
import { isCancellation } from "./server/errors.js";
import type { ServerCommand, ServerResults, StatusParams } from "./server/protocol.js";
import { Supervisor } from "./server/supervisor.js";
import * as settings from "./settings.js";
import { Explainer } from "./ui/explainer.js";
import { chooseEndpoint } from "./ui/models.js";
import { Problems, type Remedy } from "./ui/problems.js";
import { StatusItem } from "./ui/statusItem.js";

const KEY_SECRET = "kodopis.endpointKey";

/** Runs a command that came from the server's code actions as the user's own command would run. */
type CommandRunner = (command: string, argument: object) => Promise<unknown>;

export class Session implements vscode.Disposable {
  readonly status = new StatusItem();
  readonly problems = new Problems();
  readonly ghost: GhostController;
  readonly explainer: Explainer;
  readonly environment: Environment;
  readonly installer: Installer;
  readonly supervisor: Supervisor;
  /** Set by `commands`. */
  runFromServer: CommandRunner | undefined;
  private readonly subscriptions: { dispose(): unknown }[];

  constructor(private readonly context: vscode.ExtensionContext, readonly log: vscode.LogOutputChannel) {
    const storage = context.globalStorageUri.fsPath;
    this.environment = new Environment(storage, path.join(context.extensionPath, "wheel"), log);
    this.installer = new Installer(this.environment, this.problems, log, {
      onStage: (stage) => { this.status.take({ kind: "stage", stage }); },
      onInstalled: () => void this.supervisor.restart(),
      useEndpoint: () => this.useEndpoint(),
    });
    this.supervisor = new Supervisor(
      {
        create: () => this.create(storage),
        onStarting: () => { this.status.take({ kind: "stage", stage: { kind: "starting" } }); },
        onRunning: () => { this.status.take({ kind: "stage", stage: { kind: "running" } }); void this.askStatus(); },
        onGaveUp: (error) => { this.gaveUp(error); },
      },
      log,
    );
    this.ghost = new GhostController({
      request: (...args) => this.quietly((client) => requestInline(client, ...args)),
      variants: (...args) => this.quietly((client) => variants(client, ...args)),
    });
    this.explainer = new Explainer((argument, token) => this.ask("kodopis.explain", argument, token));
    const trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => void this.supervisor.restart());
    const changed = vscode.workspace.onDidChangeConfiguration((event) => { this.onSettings(event); });
    this.subscriptions = [this.status, this.ghost, this.explainer, trusted, changed];
    this.status.take({ kind: "automatic", on: settings.read().automatic });
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** Run a command of the server; fails where no server runs. */
  async ask<Name extends ServerCommand>(command: Name, argument: object, token?: vscode.CancellationToken): Promise<ServerResults[Name]> {
    const client = this.supervisor.running;
    if (!client) throw new Error(t("Kodopis is not running yet: wait a moment or look at its status."));
    return runServerCommand(client, command, argument, token);
  }

  /** Show why something that the user asked for was not done; called off is not an error. */
  report(error: unknown): void {
    if (isCancellation(error)) return;
    this.log.error("request failed", messageOf(error));
    this.problems.tell(messageOf(error), this.remedies());
  }

  /** Ask for the address of a running server, and install what is needed to talk to it. */
  async useEndpoint(): Promise<void> {
    if (!(await chooseEndpoint()) || this.supervisor.running) return;
    if ((await this.environment.state()) === "missing" && settings.read().serverPython === "") await this.installer.install();
    else await this.supervisor.restart();
  }

  /** Keep the key of a model server in the editor's secret store. */
  async setEndpointKey(): Promise<void> {
    const key = await vscode.window.showInputBox({ title: t("Key of the model server; empty: none"), password: true, ignoreFocusOut: true });
    if (key === undefined) return;
    await (key === "" ? this.context.secrets.delete(KEY_SECRET) : this.context.secrets.store(KEY_SECRET, key));
    await this.supervisor.restart();
  }

  private async create(storage: string): Promise<LanguageClient | undefined> {
    const python = await this.installer.serverPython().catch((error: unknown) => {
      this.gaveUp(error);
      return undefined;
    });
    if (python === undefined) return undefined;
    await fs.mkdir(storage, { recursive: true });
    return createClient({
      python,
      folder: storage,
      endpointKey: await this.context.secrets.get(KEY_SECRET),
      language: language(),
      log: this.log,
      ghost: this.ghost,
      onStatus: (status) => { this.onStatus(status); },
      onProblem: (text) => { this.problems.tell(text, this.remedies()); },
      onPartial: (params) => {
        this.ghost.onPartial(params);
        this.explainer.onPartial(params);
      },
      onEnded: () => { this.supervisor.ended(); },
      runCommand: async (command, args, next) => {
        const [argument] = args;
        if (this.runFromServer && typeof argument === "object" && argument !== null) return this.runFromServer(command, argument);
        return (await next(command, args)) as unknown;
      },
    });
  }

  private onStatus(status: StatusParams): void {
    this.status.take({ kind: "server", status });
    if (status.state === "ready") this.problems.clear();
  }

  private async askStatus(): Promise<void> {
    try {
      this.onStatus(await this.ask("kodopis.status", {}));
    } catch (error) {
      this.log.warn("status", String(error));
    }
  }

  private onSettings(event: vscode.ConfigurationChangeEvent): void {
    if (!event.affectsConfiguration(settings.SECTION)) return;
    const { automatic, language: chosen } = settings.read();
    setLanguage(chosen, vscode.env.language, this.context.extensionPath);
    this.status.take({ kind: "automatic", on: automatic });
    if (settings.NEEDS_RESTART.some((name) => event.affectsConfiguration(name))) void this.supervisor.restart();
  }

  private gaveUp(error: unknown): void {
    const { serverPython } = settings.read();
    const text = serverPython === "" || error === undefined
      ? t("Kodopis' server keeps ending: look at the log, or repair the installation.")
      : t("Kodopis' server cannot be run by {0}: correct the setting kodopis.serverPython.", serverPython);
    this.log.error(text, error instanceof Error ? error.message : "");
    this.status.take({ kind: "stage", stage: { kind: "failed", message: text } });
    this.problems.tell(text, [
      { title: t("Show log"), run: () => { this.log.show(); } },
      { title: t("Restart"), run: () => this.supervisor.restart() },
      serverPython === ""
        ? { title: t("Repair"), run: () => this.installer.install() }
        : { title: t("Open setting"), run: () => vscode.commands.executeCommand("workbench.action.openSettings", "kodopis.serverPython") },
    ]);
  }

  private remedies(): Remedy[] {
    const model = settings.read().endpoint === ""
      ? { title: t("Choose a model…"), run: () => vscode.commands.executeCommand("kodopis.chooseModel") }
      : { title: t("Change the address…"), run: () => this.useEndpoint() };
    return [
      model,
      { title: t("Restart the engine"), run: () => this.ask("kodopis.restartEngine", {}).catch((error: unknown) => { this.report(error); }) },
      { title: t("Show log"), run: () => { this.log.show(); } },
    ];
  }

  /** For requests that nobody asked for: without a server, or on an error, there is nothing to suggest. */
  private async quietly(request: (client: LanguageClient) => Promise<Item[]>): Promise<Item[]> {
    const client = this.supervisor.running;
    if (!client) return [];
    try {
      return await request(client);
    } catch (error) {
      if (!isCancellation(error)) this.problems.tellOnce(messageOf(error), this.remedies());
      return [];
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function variants(
  client: LanguageClient,
  document: vscode.TextDocument,
  position: vscode.Position,
  token: vscode.CancellationToken,
): Promise<Item[]> {
  const { code2ProtocolConverter: code } = client;
  const argument = { textDocument: code.asTextDocumentIdentifier(document), position: code.asPosition(position), count: 3 };
  const { items } = await runServerCommand(client, "kodopis.variants", argument, token);
  return items.map(({ insertText, range }) => ({ text: insertText, start: range?.start }));
}

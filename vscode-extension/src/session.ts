/** One window's Kodopis: the parts put together, and what each tells the others. */

import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { Environment } from "./environment/environment.js";
import { Installer } from "./environment/installer.js";
import { GhostController, type Item } from "./ghost/controller.js";
import { language, setLanguage, t } from "./l10n.js";
import { createClient } from "./server/client.js";
import { EndpointKeys, originOf, type EndpointKey } from "./server/endpointKeys.js";
import { codeOf, isCancellation, isDisconnection } from "./server/errors.js";
import type { ServerCommand, ServerResults, StatusParams } from "./server/protocol.js";
import { requestInline, requestVariants, runServerCommand } from "./server/requests.js";
import { Supervisor } from "./server/supervisor.js";
import * as settings from "./settings.js";
import { Explainer } from "./ui/explainer.js";
import { chooseEndpoint } from "./ui/models.js";
import { Problems, type Remedy } from "./ui/problems.js";
import { remediesFor, type RemedyName } from "./ui/remedies.js";
import { StatusItem } from "./ui/statusItem.js";

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
  /** The engine of our own environment. */
  private engine: string | undefined;
  private readonly endpointKeys: EndpointKeys;
  /** What the server's process was given. */
  private endpointKey: EndpointKey | undefined;
  private readonly subscriptions: { dispose(): unknown }[];

  constructor(private readonly context: vscode.ExtensionContext, readonly log: vscode.LogOutputChannel) {
    const storage = context.globalStorageUri.fsPath;
    this.endpointKeys = new EndpointKeys(context.secrets);
    void this.endpointKeys.forgetShared();
    this.environment = new Environment(storage, path.join(context.extensionPath, "wheel"), log);
    this.installer = new Installer(this.environment, this.problems, log, {
      onStage: (stage) => { this.status.take({ kind: "stage", stage }); },
      onInstalled: () => void this.supervisor.restart(),
      useEndpoint: () => this.useEndpoint(),
      stop: () => this.stopAll(),
    });
    this.supervisor = new Supervisor(
      {
        create: () => this.create(storage),
        onStarting: () => { this.status.take({ kind: "stage", stage: { kind: "starting" } }); },
        onRunning: () => {
          this.status.take({ kind: "stage", stage: { kind: "running" } });
          void this.askStatus();
          void this.ghost.askAgain();
        },
        onGaveUp: (error) => { this.gaveUp(error); },
      },
      log,
    );
    this.ghost = new GhostController({
      request: (...args) => this.quietly((client) => requestInline(client, ...args)),
      variants: (...args) => this.quietly((client) => requestVariants(client, ...args)),
    });
    this.explainer = new Explainer((argument, token) => this.ask("kodopis.explain", argument, token));
    const trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => void this.supervisor.restart());
    const changed = vscode.workspace.onDidChangeConfiguration((event) => { this.onSettings(event); });
    const seen = vscode.window.onDidChangeWindowState(({ focused }) => { if (focused) void this.lookAgain(); });
    this.subscriptions = [this.status, this.ghost, this.explainer, this.installer, trusted, changed, seen];
    this.status.take({ kind: "automatic", on: settings.read().automatic });
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  /** Run a command of the server; fails where no server runs. */
  async ask<Name extends ServerCommand>(command: Name, argument: object, token?: vscode.CancellationToken): Promise<ServerResults[Name]> {
    const client = this.supervisor.running;
    if (!client) throw new Error(this.whyNotRunning());
    return runServerCommand(client, command, argument, token);
  }

  /** Ask for code at the cursor. Who asks by hand hears of it where no server runs. */
  async suggest(): Promise<void> {
    if (!this.supervisor.running) throw new Error(this.whyNotRunning());
    await this.ghost.ask();
  }

  private whyNotRunning(): string {
    switch (this.status.current.stage.kind) {
      case "notInstalled": return t("Kodopis is not installed yet: install it.");
      case "outdated": return t("Kodopis is not updated yet: restart it, which goes on with the update.");
      default: return t("Kodopis is not running yet: wait a moment or look at its status.");
    }
  }

  /** Show why something that the user asked for was not done; called off is not an error. */
  report(error: unknown): void {
    if (isCancellation(error)) return;
    this.log.error("request failed", messageOf(error));
    const text = isDisconnection(error) ? t("Kodopis' server has ended and is being started again: try again in a moment.") : messageOf(error);
    this.problems.tell(text, this.remedies(codeOf(error)));
  }

  /** Windows lets nobody replace the files of a program that runs. */
  private async stopAll(): Promise<void> {
    await this.ask("kodopis.stopEngine", {}).catch(() => undefined);
    await this.supervisor.stop();
  }

  /** Ask for the address of a running server, and install what is needed to talk to it. */
  async useEndpoint(): Promise<void> {
    if (!(await chooseEndpoint()) || this.supervisor.running) return;
    if ((await this.environment.state()) === "missing" && settings.read().serverPython === "") await this.installer.install();
    else await this.supervisor.restart();
  }

  /** Keep the key of the model server that is set now. */
  async setEndpointKey(): Promise<void> {
    const origin = originOf(settings.read().endpoint);
    if (origin === undefined) {
      const set = { title: t("I have a model server…"), run: () => this.useEndpoint() };
      this.problems.tell(t("Set the address of the model server first: a key is kept for one server alone."), [set]);
      return;
    }
    const key = await vscode.window.showInputBox({ title: t("Key of {0}; empty: none", origin), password: true, ignoreFocusOut: true });
    if (key === undefined) return;
    await this.endpointKeys.set(origin, key);
    await this.supervisor.restart();
  }

  private async create(storage: string): Promise<LanguageClient | undefined> {
    const python = await this.installer.serverPython();
    if (python === undefined) return undefined;
    this.engine = settings.read().serverPython === "" ? await this.environment.engine() : undefined;
    this.endpointKey = await this.endpointKeys.for(settings.read().endpoint);
    await fs.mkdir(storage, { recursive: true });
    const client = createClient({
      python,
      folder: storage,
      endpointKey: this.endpointKey,
      language: language(),
      log: this.log,
      ghost: this.ghost,
      onStatus: (status) => { this.onStatus(status); },
      onProblem: (text, isWarning) => { this.problems.tell(text, this.remedies(), isWarning); },
      onPartial: (params) => {
        this.ghost.onPartial(params);
        this.explainer.onPartial(params);
      },
      onEnded: () => { this.supervisor.ended(client); },
      runCommand: async (command, args, next) => {
        const [argument] = args;
        if (this.runFromServer && typeof argument === "object" && argument !== null) return this.runFromServer(command, argument);
        return (await next(command, args)) as unknown;
      },
    });
    return client;
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
    // Some of these are VS Code's own, such as its proxy.
    const needsRestart = settings.NEEDS_RESTART.some((name) => event.affectsConfiguration(name));
    if (!needsRestart && !event.affectsConfiguration(settings.SECTION)) return;
    const { automatic, language: chosen } = settings.read();
    setLanguage(chosen, vscode.env.language, this.context.extensionPath);
    this.status.take({ kind: "automatic", on: automatic });
    if (needsRestart) void this.supervisor.restart();
    else if (event.affectsConfiguration(`${settings.SECTION}.endpoint`)) void this.onEndpoint();
  }

  /** A server's process has one key: another address needs another process, unless neither has a key. */
  private async onEndpoint(): Promise<void> {
    const { kind } = this.status.current.stage;
    if (kind !== "starting" && kind !== "running") return;
    if (this.endpointKey !== undefined || (await this.endpointKeys.for(settings.read().endpoint)) !== undefined) await this.supervisor.restart();
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
        ? { title: t("Repair"), run: () => vscode.commands.executeCommand("kodopis.repair") }
        : { title: t("Open setting"), run: () => vscode.commands.executeCommand("workbench.action.openSettings", "kodopis.serverPython") },
    ]);
  }

  private remedies(code?: string): Remedy[] {
    const all: Record<RemedyName, Remedy> = {
      changeAddress: { title: t("Change the address…"), run: () => this.useEndpoint() },
      chooseModel: { title: t("Choose a model…"), run: () => vscode.commands.executeCommand("kodopis.chooseModel") },
      install: { title: t("Install"), run: () => vscode.commands.executeCommand("kodopis.repair") },
      installEngine: { title: t("Install the engine"), run: () => this.installEngine() },
      restart: { title: t("Restart"), run: () => this.supervisor.restart() },
      restartEngine: {
        title: t("Restart the engine"),
        run: () => this.ask("kodopis.restartEngine", {}).catch((error: unknown) => { this.report(error); }),
      },
      setKey: { title: t("Set the key…"), run: () => vscode.commands.executeCommand("kodopis.setEndpointKey") },
      showLog: { title: t("Show log"), run: () => { this.log.show(); } },
      useServer: { title: t("I have a model server…"), run: () => this.useEndpoint() },
    };
    const situation = { stage: this.status.current.stage.kind, hasEndpoint: settings.read().endpoint !== "", engine: this.engine, code };
    return remediesFor(situation).map((name) => all[name]);
  }

  /** Add the engine to an environment that was made without one. */
  private async installEngine(): Promise<void> {
    if (settings.read().engineBuild === "none") await settings.write("engineBuild", "auto");
    await this.installer.install(true);
  }

  /** Another window may have installed what was missing here, or updated it. */
  private async lookAgain(): Promise<void> {
    const { kind } = this.status.current.stage;
    if (kind !== "notInstalled" && kind !== "outdated") return;
    if ((await this.environment.state().catch(() => "missing")) === "ready") await this.supervisor.restart();
  }

  /** For requests that nobody asked for: without a server, or on an error, there is nothing to suggest. */
  private async quietly(request: (client: LanguageClient) => Promise<Item[]>): Promise<Item[]> {
    const client = this.supervisor.running;
    if (!client) return [];
    try {
      return await request(client);
    } catch (error) {
      if (!isCancellation(error) && !isDisconnection(error)) this.problems.tellOnce(messageOf(error), this.remedies(codeOf(error)));
      return [];
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

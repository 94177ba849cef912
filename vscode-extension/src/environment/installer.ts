/** The installation as the user meets it: offered once, shown while it goes, explained where it fails. */

import * as vscode from "vscode";
import { CancellationTokenSource, type CancellationToken } from "vscode-languageclient/node";
import { t } from "../l10n.js";
import * as settings from "../settings.js";
import type { Problems, Remedy } from "../ui/problems.js";
import type { Stage } from "../ui/status.js";
import { describeMachine, findPython } from "./discover.js";
import type { Environment, MakeOrder, MakeResult } from "./environment.js";
import type { Goal, Step } from "./plan.js";
import { causeOf, type Cause, type Progress } from "./progress.js";
import type { Outcome } from "./python.js";

export interface InstallerEvents {
  onStage(stage: Stage): void;
  /** The server can be started now. */
  onInstalled(): void;
  useEndpoint(): Promise<void>;
  /** What runs from the environment has to end. */
  stop(): Promise<void>;
}

/** What is being done to the environment, and what calls it off. */
interface Work {
  readonly callOff: CancellationTokenSource;
  readonly ended: Promise<unknown>;
}

export class Installer implements vscode.Disposable {
  private hasOffered = false;
  private work: Work | undefined;
  /** What is there cannot be run now. */
  private isChanging = false;

  constructor(
    private readonly environment: Environment,
    private readonly problems: Problems,
    private readonly log: vscode.LogOutputChannel,
    private readonly events: InstallerEvents,
  ) {}

  /** pip and the compiler are in a group of their own, and would go on when the window is closed. */
  dispose(): void {
    this.work?.callOff.cancel();
  }

  /**
   * The interpreter that runs the server; undefined where there is none yet, and then it is offered. While it is being
   * installed there is none either: the server is started when that has ended.
   */
  async serverPython(): Promise<string | undefined> {
    const { serverPython } = settings.read();
    if (serverPython !== "") return serverPython;
    if (this.isChanging) return undefined;
    const state = await this.environment.state();
    if (state === "ready") return this.environment.python;
    this.showMissing(state);
    if (state === "outdated") void this.install(true);
    else this.offer();
    return undefined;
  }

  /** Install from nothing, or (`isUpdate`) bring up to date. */
  async install(isUpdate = false): Promise<void> {
    if (this.work) return;
    const result = await this.alone(async (token) => {
      const outcome = await this.attempt(isUpdate, token);
      return token.isCancellationRequested ? undefined : outcome;
    });
    if (result) await this.conclude(result, isUpdate);
  }

  /** Until this has ended nothing else is begun; `remove` calls it off. */
  private async alone<T>(work: (calledOff: CancellationToken) => Promise<T>): Promise<T> {
    const callOff = new CancellationTokenSource();
    const ended = work(callOff.token).finally(() => {
      this.work = undefined;
      this.isChanging = false;
    });
    this.work = { callOff, ended };
    return ended;
  }

  /** Gives undefined where there is no Python to make it from, of which the user is told. */
  private async attempt(isUpdate: boolean, calledOff: CancellationToken): Promise<MakeResult | undefined> {
    const { wheelsFolder, engineBuild, endpoint } = settings.read();
    // The Python that it was made from may be another folder's choice; what is updated has its own.
    const python = isUpdate ? this.environment.python : await this.basePython();
    if (python === undefined) return undefined;
    const machine = await describeMachine();
    const wishes = { wheelsFolder, engineBuild: endpoint === "" ? engineBuild : ("none" as const) };
    if (calledOff.isCancellationRequested) return { kind: "cancelled" };
    await this.stop();
    return this.make({ python, wishes, machine, isUpdate }, calledOff);
  }

  private async basePython(): Promise<string | undefined> {
    const outcome = await findPython(settings.read().python, this.log);
    if (outcome.kind === "found") return outcome.python.executable;
    const text = pythonProblem(outcome);
    // Nothing was stopped: what is there goes on.
    if ((await this.state()) === "missing") this.events.onStage({ kind: "failed", message: text });
    this.problems.tell(text, this.pythonRemedies());
    return undefined;
  }

  /** Remove what was installed. What this window is installing is called off first; another window's work is left alone. */
  async remove(): Promise<void> {
    const wasAtWork = this.work !== undefined;
    while (this.work) {
      this.work.callOff.cancel();
      await this.work.ended.catch(() => undefined); // whoever began it hears of it
    }
    try {
      if (await this.alone(() => this.environment.remove(() => this.stop()))) {
        this.events.onStage({ kind: "notInstalled" });
        return;
      }
      this.problems.tell(t("Another window is installing Kodopis: call that off there, or try again when it is done."), [this.showLog()]);
      if (wasAtWork) await this.conclude({ kind: "cancelled" }, false);
    } catch (error) {
      this.log.error("removing", String(error));
      const cause = causeOf(String(error));
      const text = cause === "other" ? t("Not everything could be removed: look at the log and try again.") : failureText("environment", cause);
      this.fail(text, [this.showLog()]);
    }
  }

  private stop(): Promise<void> {
    this.isChanging = true;
    return this.events.stop();
  }

  private offer(): void {
    if (this.hasOffered) return;
    this.hasOffered = true;
    const install = t("Install");
    const useServer = t("I have a model server…");
    const text = t("Kodopis installs its Python server and the engine that runs models into a folder of its own, apart from your projects.");
    void vscode.window.showInformationMessage(text, install, useServer, t("Not now")).then(async (chosen) => {
      if (chosen === install) await this.installUnlessReady();
      if (chosen === useServer) await this.events.useEndpoint();
    }).then(undefined, (error: unknown) => {
      this.problems.tell(error instanceof Error ? error.message : String(error), [this.showLog()]);
    });
  }

  /** Another window may have been quicker. */
  private async installUnlessReady(): Promise<void> {
    if ((await this.environment.state()) === "ready") this.events.onInstalled();
    else await this.install();
  }

  private async make(order: MakeOrder, calledOff: CancellationToken): Promise<MakeResult> {
    const options = { location: vscode.ProgressLocation.Notification, title: t("Kodopis"), cancellable: true };
    this.events.onStage({ kind: "installing" });
    return vscode.window.withProgress(options, async (progress, token) => {
      let doing = "";
      let since = Date.now();
      let detail = "";
      const show = (): void => {
        const elapsed = formatElapsed(Date.now() - since);
        progress.report({ message: [doing, detail, elapsed].filter((part) => part !== "").join(" · ") });
      };
      const clock = setInterval(show, 1000);
      const onStep = (step: Step): void => {
        doing = stepTitle(step);
        detail = "";
        since = Date.now();
        this.events.onStage({ kind: "installing" });
        show();
      };
      const onProgress = ({ detail: words, percent }: Progress): void => {
        detail = percent === undefined ? words : [`${percent} %`, words].filter((part) => part !== "").join(", ");
        if (percent !== undefined) this.events.onStage({ kind: "installing", percent });
        show();
      };
      const onWaiting = (): void => { doing = t("another window is installing"); };
      const cancellation = new CancellationTokenSource();
      for (const ends of [token, calledOff]) ends.onCancellationRequested(() => { cancellation.cancel(); });
      try {
        return await this.environment.make(order, { onStep, onProgress, onWaiting }, cancellation.token);
      } finally {
        clearInterval(clock);
      }
    });
  }

  private async conclude(result: MakeResult, isUpdate: boolean): Promise<void> {
    // What was called off or has failed has changed nothing where it was to add an engine, or to replace what is whole.
    const state = result.kind === "made" ? "ready" : await this.state();
    if (result.kind === "failed") this.fail(failureText(result.goal, result.cause), this.failureRemedies(result.cause, isUpdate));
    else if (state === "ready") this.problems.clear();
    else this.showMissing(state);
    if (state === "ready") this.events.onInstalled();
  }

  /** Where even that cannot be told, as the extension's own files are gone, what went wrong still is. */
  private state(): ReturnType<Environment["state"]> {
    return this.environment.state().catch(() => "missing");
  }

  private showMissing(state: "outdated" | "missing"): void {
    this.events.onStage({ kind: state === "outdated" ? "outdated" : "notInstalled" });
  }

  private fail(text: string, remedies: readonly Remedy[]): void {
    this.events.onStage({ kind: "failed", message: text });
    this.problems.tell(text, remedies);
  }

  private showLog(): Remedy {
    return { title: t("Show log"), run: () => { this.log.show(); } };
  }

  /** An update is tried again as one: a new environment would cost the engine that is there. */
  private again(isUpdate: boolean): Remedy {
    return { title: t("Try again"), run: () => this.install(isUpdate) };
  }

  private pythonRemedies(): Remedy[] {
    const choose = async (): Promise<void> => {
      const [file] = (await vscode.window.showOpenDialog({ title: t("Python 3.11 or newer") })) ?? [];
      if (!file) return;
      await settings.write("python", file.fsPath);
      await this.install();
    };
    const download = vscode.Uri.parse("https://www.python.org/downloads/");
    return [
      { title: t("Choose Python…"), run: choose },
      { title: t("Get Python"), run: () => vscode.env.openExternal(download) },
      this.again(false),
    ];
  }

  private failureRemedies(cause: Cause, isUpdate: boolean): Remedy[] {
    const again = this.again(isUpdate);
    const chooseFolder = async (): Promise<void> => {
      const [folder] = (await vscode.window.showOpenDialog({ canSelectFolders: true, canSelectFiles: false })) ?? [];
      if (!folder) return;
      await settings.write("wheelsFolder", folder.fsPath);
      await this.install(isUpdate);
    };
    const showLog = this.showLog();
    const folder = { title: t("Install from a folder…"), run: chooseFolder };
    const server = { title: t("I have a model server…"), run: () => this.events.useEndpoint() };
    if (cause === "elsewhere") return this.pythonRemedies();
    if (cause === "network" || cause === "notFound") return [again, folder, showLog];
    return cause === "compiler" ? [again, server, showLog] : [again, showLog];
  }
}

function stepTitle({ kind, variant }: Step): string {
  switch (kind) {
    case "venv": return t("making an environment");
    case "server": return t("installing the server");
    case "folder": return t("installing the engine from the folder");
    case "compile": return t("compiling the engine (takes minutes)");
    case "prebuilt":
      if (variant === "cu124") return t("fetching the prebuilt engine for NVIDIA");
      return variant === "metal" ? t("fetching the prebuilt engine for Apple") : t("fetching the prebuilt engine");
  }
}

function pythonProblem(outcome: Exclude<Outcome, { kind: "found" }>): string {
  switch (outcome.kind) {
    case "none": return t("Python was not found: install Python 3.11 or newer, or choose where it is.");
    case "badSetting": return t("The setting kodopis.python names no Python ({0}): choose another.", outcome.path);
    case "old": return t("Python {0} is too old ({1}): install Python 3.11 or newer, or choose where it is.", outcome.version, outcome.executable);
    case "noVenv": return t("Python at {0} cannot make environments: install the package python3-venv and try again.", outcome.python.executable);
  }
}

function failureText(goal: Goal, cause: Cause): string {
  switch (cause) {
    case "network": return t("Packages could not be fetched, there is no network: try again when there is, or install from a folder.");
    case "notFound": return t("A package was not found where it was looked for: try again, or install from another folder.");
    case "compiler": return t("The engine could not be compiled, there is no C++ compiler: install one and try again, or use a model server.");
    case "readOnly": return t("The folder for Kodopis' environment cannot be written to: allow it and try again.");
    case "inUse": return t("A file of Kodopis' environment is in use: close other windows with Kodopis and try again.");
    case "elsewhere": return t("Python made the environment out of Kodopis' reach, as the one from the Microsoft Store does: install Python from python.org, or choose another.");
    case "space": return t("There is no space left on the disk: free some and try again.");
    case "other":
      if (goal === "environment") return t("The Python environment could not be made: look at the log and try again.");
      return goal === "engine"
        ? t("The engine could not be installed: look at the log and try again.")
        : t("The server could not be installed: look at the log and try again.");
  }
}

function formatElapsed(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

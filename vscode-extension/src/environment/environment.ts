/**
 * Kodopis' own Python environment in global storage: whether it is whole, how it is made and removed.
 *
 * `ready.json` is written last, so an environment without it is half-made and is made anew. An update leaves it as it is
 * until everything has succeeded: what failed half-way is still an environment of another version, with its engine. A whole
 * environment that is made anew is kept until then, and put back where the new one fails.
 */

import * as crypto from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { CancellationToken, LogOutputChannel } from "vscode";
import { exists, Kept } from "./kept.js";
import { withLock } from "./lock.js";
import { environmentPython, makePlan, type Goal, type Machine, type Step, type Wishes } from "./plan.js";
import { causeOf, readLine, type Cause, type Progress } from "./progress.js";
import { run } from "./run.js";

interface Ready {
  readonly wheel: string;
  readonly engine: string;
}

export interface MakeOrder {
  /** The interpreter to make it from. */
  readonly python: string;
  readonly wishes: Omit<Wishes, "wheel">;
  readonly machine: Machine;
  readonly isUpdate: boolean;
}

export type MakeResult =
  | { readonly kind: "made" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "failed"; readonly goal: Goal; readonly cause: Cause };

export interface MakeEvents {
  onStep(step: Step, index: number, count: number): void;
  onProgress(progress: Progress): void;
  onWaiting(): void;
}

export class Environment {
  readonly folder: string;
  private readonly readyFile: string;
  private readonly lock: string;
  private readonly kept: Kept;

  constructor(private readonly storage: string, private readonly wheelFolder: string, private readonly log: LogOutputChannel) {
    this.folder = path.join(storage, "env");
    this.readyFile = path.join(storage, "ready.json");
    this.lock = path.join(storage, "install.lock");
    this.kept = new Kept(this.folder, this.readyFile);
  }

  /** The environment's interpreter. */
  get python(): string {
    return environmentPython(this.folder, process.platform);
  }

  /** The server's wheel that came with the extension. */
  async wheel(): Promise<string> {
    const names = await fs.readdir(this.wheelFolder).catch(() => []);
    const name = names.find((file) => file.endsWith(".whl"));
    if (name === undefined) throw new Error(`no wheel in ${this.wheelFolder}`);
    return path.join(this.wheelFolder, name);
  }

  /** `ready`: whole, and of this extension's version; `outdated`: whole, of another; `missing`: not there or half-made. */
  async state(): Promise<"ready" | "outdated" | "missing"> {
    const ready = await this.readReady();
    if (ready === undefined || !(await exists(this.python))) return "missing";
    return ready.wheel === (await hashOf(await this.wheel())) ? "ready" : "outdated";
  }

  /** Which engine it has, "none" where it has none; undefined where the environment is not whole. */
  async engine(): Promise<string | undefined> {
    return (await this.readReady())?.engine;
  }

  /**
   * Make it. With `isUpdate` what is there is kept and only brought up to this extension's version, as an engine may have
   * taken minutes to compile. Another window's work is waited for and taken over if it comes out whole.
   */
  async make(order: MakeOrder, events: MakeEvents, token: CancellationToken): Promise<MakeResult> {
    let hasWaited = false;
    try {
      const wheel = await this.wheel();
      const steps = makePlan(order.python, this.folder, { ...order.wishes, wheel }, order.machine, order.isUpdate);
      await fs.mkdir(this.storage, { recursive: true });
      const result = await withLock(
        this.lock,
        async () => {
          if (hasWaited && (await this.state()) === "ready") return { kind: "made" } as const;
          await this.kept.putBack(); // another window may have ended in the middle
          try {
            if (!order.isUpdate && (await this.state()) !== "missing") await this.kept.setAside();
            return await this.follow(steps, wheel, events, token);
          } finally {
            await this.kept.putBack();
          }
        },
        () => { hasWaited = true; events.onWaiting(); },
        () => token.isCancellationRequested,
      );
      return result ?? { kind: "cancelled" };
    } catch (error) {
      this.log.error("installing", String(error));
      return { kind: "failed", goal: "environment", cause: causeOf(String(error)) };
    }
  }

  /**
   * Remove everything that was installed, once `prepare` is done; gives false, with nothing done, where another window is
   * at work. Models are kept: they are shared with other editors.
   */
  async remove(prepare: () => Promise<void>): Promise<boolean> {
    await fs.mkdir(this.storage, { recursive: true });
    const work = async (): Promise<true> => {
      await prepare();
      await this.kept.remove();
      await fs.rm(this.readyFile, { force: true });
      await fs.rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      return true;
    };
    return (await withLock(this.lock, work, () => undefined, (isHeard) => isHeard)) ?? false;
  }

  private async follow(plan: readonly Step[], wheel: string, events: MakeEvents, token: CancellationToken): Promise<MakeResult> {
    const before = plan.some((step) => step.kind === "venv") ? undefined : await this.readReady();
    if (before === undefined) await fs.rm(this.readyFile, { force: true });
    const goals = [...new Set(plan.map((step) => step.goal))];
    let engine = before?.engine ?? "none";
    for (const [index, goal] of goals.entries()) {
      let failure: Cause | undefined;
      for (const step of plan.filter((one) => one.goal === goal)) {
        events.onStep(step, index, goals.length);
        failure = await this.take(step, events, token);
        if (token.isCancellationRequested) return { kind: "cancelled" };
        if (failure === undefined) {
          if (goal === "engine" && engine === "none") engine = step.variant ?? step.kind;
          break;
        }
      }
      if (failure !== undefined) return { kind: "failed", goal, cause: failure };
    }
    const ready: Ready = { wheel: await hashOf(wheel), engine };
    await this.kept.giveUp();
    await fs.writeFile(this.readyFile, JSON.stringify(ready), "utf8");
    return { kind: "made" };
  }

  /** Run a step; gives why it failed. */
  private async take(step: Step, events: MakeEvents, token: CancellationToken): Promise<Cause | undefined> {
    this.log.info(`${step.kind}${step.variant === undefined ? "" : ` ${step.variant}`}: ${step.command} ${step.args.join(" ")}`);
    const onLine = (line: string): void => {
      this.log.debug(line);
      const progress = readLine(line);
      if (progress) events.onProgress(progress);
    };
    if (step.env.TMP !== undefined) {
      await fs.mkdir(step.env.TMP, { recursive: true }).catch(() => { /* then Python takes its usual folder */ });
    }
    const { code, output } = await run(step.command, step.args, { env: step.env, cwd: this.storage, token, onLine });
    if (token.isCancellationRequested) return "other";
    if (code !== 0) {
      this.log.error(`${step.kind} failed`, output.slice(-4000));
      return causeOf(output);
    }
    if (step.kind === "venv" && !(await exists(this.python))) {
      this.log.error(`${step.command} made no ${this.python}`);
      return "elsewhere";
    }
    if (step.checkArgs === undefined) return undefined;
    const check = await run(step.command, step.checkArgs, { cwd: this.storage, token });
    if (check.code === 0) return undefined;
    this.log.error(`${step.kind} was installed but does not work`, check.output.slice(-4000));
    if (step.undoArgs) await run(step.command, step.undoArgs, { cwd: this.storage });
    return "other";
  }

  private async readReady(): Promise<Ready | undefined> {
    try {
      return JSON.parse(await fs.readFile(this.readyFile, "utf8")) as Ready;
    } catch {
      return undefined;
    }
  }
}

async function hashOf(file: string): Promise<string> {
  return crypto.createHash("sha256").update(await fs.readFile(file)).digest("hex");
}

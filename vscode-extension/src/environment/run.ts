/** Runs one program: output line by line, cancelled with the user's token, never through a shell. */

import { spawn, type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio } from "node:child_process";
import type { CancellationToken } from "vscode";
import { proxyEnv } from "../settings.js";

export interface RunResult {
  /** undefined where the program could not be started or was cancelled. */
  readonly code: number | undefined;
  readonly output: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly token?: CancellationToken;
  onLine?(line: string): void;
}

const KEPT_OUTPUT_CHARS = 200_000;

/** This process's variables and VS Code's proxy, without what would lead Python to modules of another environment. */
export function pythonEnv(): NodeJS.ProcessEnv {
  const proxy = proxyEnv(process.env);
  // Python and pip take no_proxy, or an empty https_proxy, before the same name in capitals.
  const left = ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", ...Object.keys(proxy)];
  const inherited = Object.entries(process.env).filter(([name]) => !left.includes(name.toUpperCase()));
  return { ...Object.fromEntries(inherited), ...proxy, PYTHONUTF8: "1" };
}

/** Run to the end. Does not fail: a program that cannot be started has no code. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    let output = "";
    let rest = "";
    const child = start(command, args, {
      cwd: options.cwd,
      env: { ...pythonEnv(), ...options.env },
      windowsHide: true,
      // Compilers are grandchildren: a group of their own lets them be ended together.
      detached: process.platform !== "win32",
      timeout: options.timeoutMs,
    });
    if (child instanceof Error) {
      resolve({ code: undefined, output: String(child) });
      return;
    }
    const take = (text: string): void => {
      output = (output + text).slice(-KEPT_OUTPUT_CHARS);
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine?.(line);
    };
    // A chunk may end inside a letter.
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.stdin.on("error", () => { /* it ended before it read */ });
    child.stdin.end();
    const cancelled = options.token?.onCancellationRequested(() => { endTree(child.pid); });
    child.on("error", (error) => {
      cancelled?.dispose();
      resolve({ code: undefined, output: output + String(error) });
    });
    child.on("close", (code) => {
      cancelled?.dispose();
      resolve({ code: options.token?.isCancellationRequested === true ? undefined : (code ?? undefined), output });
    });
  });
}

/** Most of what keeps a program from starting comes as an event; a `.bat` on Windows, or a zero byte, is thrown. */
function start(command: string, args: readonly string[], options: SpawnOptionsWithoutStdio): ChildProcessWithoutNullStreams | Error {
  try {
    return spawn(command, args, options);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function endTree(pid: number | undefined): void {
  if (pid === undefined) return;
  if (process.platform === "win32") {
    const killer = spawn("taskkill", ["/pid", String(pid), "/T", "/F"], { windowsHide: true });
    killer.on("error", () => { end(pid); }); // it is not on PATH
    return;
  }
  end(-pid);
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
}

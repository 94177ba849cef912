/** Finds a Python on this machine, and what else matters for the environment. */

import { PythonExtension } from "@vscode/python-extension";
import * as vscode from "vscode";
import { ISOLATED, type Machine } from "./plan.js";
import { candidates, choose, isFromStore, parseFacts, PROBE, type Outcome } from "./python.js";
import { run } from "./run.js";

const PROBE_TIMEOUT_MS = 20_000;

/** Try what may be a Python, in order, until one fits. */
export async function findPython(configured: string, log: vscode.LogOutputChannel): Promise<Outcome> {
  const tried: Parameters<typeof choose>[0][number][] = [];
  for (const candidate of candidates(configured, await chosenByExtension(log), process.platform)) {
    const { output } = await run(candidate.command, [...candidate.args, ...ISOLATED, "-c", PROBE], { timeoutMs: PROBE_TIMEOUT_MS });
    const facts = parseFacts(output);
    log.info(`python: ${candidate.command} (${candidate.source}): ${facts ? facts.version.join(".") : "no answer"}`);
    tried.push({ candidate, facts });
    const outcome = choose(tried);
    if (outcome.kind === "found" && !isFromStore(outcome.python)) return outcome;
  }
  return choose(tried);
}

/**
 * The interpreter chosen in the ms-python extension. Not in a folder that is not trusted: there it may be a program
 * that came with the folder.
 */
async function chosenByExtension(log: vscode.LogOutputChannel): Promise<string | undefined> {
  if (!vscode.workspace.isTrusted || vscode.extensions.getExtension("ms-python.python") === undefined) return undefined;
  try {
    const { environments } = await PythonExtension.api();
    const environment = await environments.resolveEnvironment(environments.getActiveEnvironmentPath());
    return environment?.executable.uri?.fsPath;
  } catch (error) {
    log.warn("the Python extension did not answer", String(error));
    return undefined;
  }
}

/** What the engine's build depends on. */
export async function describeMachine(): Promise<Machine> {
  const { output } = await run("nvidia-smi", [], { timeoutMs: PROBE_TIMEOUT_MS });
  const cudaVersion = /CUDA(?: UMD)? Version:\s*([\d.]+)/.exec(output)?.[1];
  return { platform: process.platform, arch: process.arch, cudaVersion };
}

/** What has to be run to make the environment, as a list of steps. Pure: runs nothing. */

import * as path from "node:path";

export type EngineBuild = "auto" | "cpu" | "cuda" | "metal" | "compile" | "none";
export type PrebuiltVariant = "cpu" | "cu124" | "metal";

/** What the plan depends on. `cudaVersion` is the newest CUDA that the driver runs, as `nvidia-smi` prints it. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly cudaVersion: string | undefined;
}

export interface Wishes {
  readonly wheel: string;
  readonly wheelsFolder: string;
  readonly engineBuild: EngineBuild;
}

export type StepKind = "venv" | "server" | "prebuilt" | "compile" | "folder";

/** `dependencies` are those of an updated server; a new one comes with them. */
export type Goal = "environment" | "dependencies" | "server" | "engine";

/**
 * One command. Steps with the same `goal` are ways to the same end: the first that succeeds ends the goal,
 * and the plan has failed where none does.
 */
export interface Step {
  readonly kind: StepKind;
  readonly goal: Goal;
  readonly variant?: PrebuiltVariant;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Run after `args` succeed; the step has failed where this does. */
  readonly checkArgs?: readonly string[];
  /** Run where the check failed, so that the next way does not find the broken package and keep it. */
  readonly undoArgs?: readonly string[];
}

/** Isolated, which ignores PYTHONUTF8 with all other variables: without the option pip writes in the console's code page. */
export const ISOLATED = ["-I", "-X", "utf8"] as const;
const WHEEL_INDEX = "https://abetlen.github.io/llama-cpp-python/whl/";
/** Prebuilt wheels may use instructions that this processor lacks: loading the library shows it. */
const LOAD_ENGINE = [...ISOLATED, "-c", "import llama_cpp; llama_cpp.llama_backend_init()"];
const DROP_ENGINE = [...ISOLATED, "-m", "pip", "uninstall", "--yes", "llama-cpp-python"];
/** pip unpacks the engine's sources here on Windows: their longest path, 178 characters, would not fit under a user's folder. */
const SHORT_TEMP = "C:\\kdp";

/**
 * The vision tools of llama.cpp are not used and take a third of the build. Its AMX kernels, built by GCC 12, crash on
 * processors that have AMX (https://github.com/ggml-org/llama.cpp/pull/26954); elsewhere the flags would replace what
 * the compiler needs.
 */
function compileEnv({ platform }: Machine): Record<string, string> {
  const lean = "-DLLAVA_BUILD=OFF";
  if (platform === "linux") return { CMAKE_ARGS: `${lean} -DCMAKE_C_FLAGS=-U__AMX_INT8__ -DCMAKE_CXX_FLAGS=-U__AMX_INT8__` };
  if (platform === "win32") return { CMAKE_ARGS: lean, TMPDIR: SHORT_TEMP, TEMP: SHORT_TEMP, TMP: SHORT_TEMP };
  return { CMAKE_ARGS: lean };
}

/** The interpreter inside an environment. */
export function environmentPython(folder: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? path.win32.join(folder, "Scripts", "python.exe") : path.posix.join(folder, "bin", "python");
}

/** Prebuilt engines worth trying on this machine, fastest first. */
export function prebuiltVariants(build: EngineBuild, machine: Machine): PrebuiltVariant[] {
  if (build === "none" || build === "compile") return [];
  if (build === "cpu") return ["cpu"];
  if (build === "cuda") return ["cu124"];
  if (build === "metal") return ["metal"];
  if (machine.platform === "darwin") return machine.arch === "arm64" ? ["metal"] : ["cpu"];
  return hasCuda(machine.cudaVersion) ? ["cu124", "cpu"] : ["cpu"];
}

function hasCuda(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return major > 12 || (major === 12 && minor >= 4);
}

/**
 * Everything to run, in order. `python` is the interpreter found; `folder` is where the environment goes. With `isUpdate`
 * the environment that is there is kept and brought up to the wheel.
 */
export function makePlan(python: string, folder: string, wishes: Wishes, machine: Machine, isUpdate = false): Step[] {
  const own = environmentPython(folder, machine.platform);
  // pip names an index that it cannot reach only when it tries again; without that, a missing network looks like a
  // missing package. Where pip is set to install for the user, it refuses to install into an environment.
  const pip = [
    ...ISOLATED, "-m", "pip", "install", "--no-user", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "5",
  ];
  const closed = wishes.wheelsFolder === "" ? [] : ["--no-index", "--find-links", wishes.wheelsFolder];
  const venv: Step = {
    kind: "venv", goal: "environment", command: python, args: [...ISOLATED, "-m", "venv", "--clear", folder], env: {},
  };
  const ofWheel = (...args: string[]): string[] => [...pip, ...closed, ...args, wishes.wheel];
  const server = { kind: "server", goal: "server", command: own, env: {}, checkArgs: [...ISOLATED, "-m", "lsp_server", "--help"] } as const;
  const engine = engineSteps(own, pip, closed, wishes, machine);
  if (!isUpdate) return [venv, { ...server, args: ofWheel("--upgrade", "--prefer-binary") }, ...engine];
  return [
    { kind: "server", goal: "dependencies", command: own, args: ofWheel("--upgrade", "--prefer-binary"), env: {} },
    // pip keeps an installed server of the same version, whatever is in the wheel.
    { ...server, args: ofWheel("--force-reinstall", "--no-deps") },
    ...engine,
  ];
}

function engineSteps(own: string, pip: readonly string[], closed: readonly string[], wishes: Wishes, machine: Machine): Step[] {
  if (wishes.engineBuild === "none") return [];
  const wanted = `${wishes.wheel}[engine]`;
  const common = { goal: "engine", command: own, checkArgs: LOAD_ENGINE, undoArgs: DROP_ENGINE } as const;
  if (closed.length > 0) {
    return [{ ...common, kind: "folder", args: [...pip, ...closed, "--prefer-binary", wanted], env: compileEnv(machine) }];
  }
  const prebuilt = prebuiltVariants(wishes.engineBuild, machine).map((variant): Step => ({
    ...common,
    kind: "prebuilt",
    variant,
    args: [...pip, "--prefer-binary", "--only-binary", "llama-cpp-python", "--extra-index-url", WHEEL_INDEX + variant, wanted],
    env: {},
  }));
  // -v prints how far the build is.
  const compile: Step = { ...common, kind: "compile", args: [...pip, "-v", "--prefer-binary", wanted], env: compileEnv(machine) };
  return wishes.engineBuild === "auto" || wishes.engineBuild === "compile" ? [...prebuilt, compile] : [...prebuilt];
}

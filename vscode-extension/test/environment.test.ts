import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, describe, it } from "node:test";
import { CancellationTokenSource } from "vscode";
import { withLock } from "../src/environment/lock.js";
import { environmentPython, makePlan, prebuiltVariants, type Machine, type Wishes } from "../src/environment/plan.js";
import { causeOf, readLine } from "../src/environment/progress.js";
import { candidates, choose, parseFacts, PROBE, type Candidate, type PythonFacts } from "../src/environment/python.js";
import { pythonEnv, run } from "../src/environment/run.js";
import { proxyEnv } from "../src/settings.js";
import { stub } from "./stub/state.js";

const LINUX: Machine = { platform: "linux", arch: "x64", cudaVersion: undefined };
const WISHES: Wishes = { wheel: "/ext/kodopis.whl", wheelsFolder: "", engineBuild: "auto" };
const FOLDER = "/home/Иван Петров/env";

const facts = (version: [number, number, number], canMakeEnvironments = true): PythonFacts => ({
  version, executable: `/usr/bin/python${version[0]}.${version[1]}`, canMakeEnvironments,
});
const onPath = (command: string): Candidate => ({ command, args: [], source: "path" });

describe("finding Python", () => {
  it("tries the setting alone where there is one", () => {
    assert.deepEqual(candidates("/opt/py", "/venv/py", "linux"), [{ command: "/opt/py", args: [], source: "setting" }]);
  });

  it("tries the Python extension's choice before PATH, and the launcher first on Windows", () => {
    assert.deepEqual(candidates("", "/venv/py", "linux").slice(0, 2).map(({ command }) => command), ["/venv/py", "python3"]);
    assert.deepEqual(candidates("", undefined, "win32")[0], { command: "py", args: ["-3"], source: "path" });
  });

  it("takes the first that is new enough", () => {
    const tried = [
      { candidate: onPath("python3"), facts: facts([3, 9, 2]) },
      { candidate: onPath("python3.12"), facts: facts([3, 12, 1]) },
    ];
    assert.deepEqual(choose(tried), { kind: "found", python: facts([3, 12, 1]), source: "path" });
  });

  it("takes the Microsoft Store's last", () => {
    const store = { ...facts([3, 13, 1]), executable: "C:\\Users\\Иван\\AppData\\Local\\Microsoft\\WindowsApps\\Python.3.13\\python.exe" };
    const usual = facts([3, 11, 4]);
    const tried = [{ candidate: onPath("python"), facts: store }, { candidate: onPath("python3"), facts: usual }];
    assert.deepEqual(choose(tried), { kind: "found", python: usual, source: "path" });
    assert.deepEqual(choose(tried.slice(0, 1)), { kind: "found", python: store, source: "path" });
  });

  it("says why there is none", () => {
    const old = { candidate: onPath("python3"), facts: facts([3, 9, 2]) };
    assert.deepEqual(choose([old]), { kind: "old", version: "3.9.2", executable: "/usr/bin/python3.9" });
    assert.deepEqual(choose([{ candidate: onPath("python3"), facts: undefined }]), { kind: "none" });
    const bare = facts([3, 13, 0], false);
    assert.deepEqual(choose([old, { candidate: onPath("python"), facts: bare }]), { kind: "noVenv", python: bare });
    const [setting] = candidates("/no/such", undefined, "linux");
    assert.ok(setting);
    assert.deepEqual(choose([{ candidate: setting, facts: undefined }]), { kind: "badSetting", path: "/no/such" });
  });

  it("tells a program that cannot be started from one that failed", async () => {
    for (const command of ["/no/such/python", "python\0", process.cwd()]) {
      assert.equal((await run(command, [])).code, undefined, JSON.stringify(command));
    }
    assert.equal((await run("python3", ["-I", "-c", "raise SystemExit(3)"])).code, 3);
  });

  it("ends a program also where Windows' own tool for that is not on PATH", async () => {
    const { platform } = process;
    Object.defineProperty(process, "platform", { value: "win32" });
    const cancelled = new CancellationTokenSource();
    try {
      const going = run(process.execPath, ["-e", "setTimeout(() => undefined, 600_000)"], { token: cancelled.token });
      cancelled.cancel();
      assert.equal((await going).code, undefined);
    } finally {
      Object.defineProperty(process, "platform", { value: platform });
    }
  });

  it("reads letters that come in two pieces", async () => {
    const script = "import sys, time\nfor half in 'я'.encode():\n  sys.stdout.buffer.write(bytes([half])); sys.stdout.flush(); time.sleep(0.2)";
    assert.equal((await run("python3", ["-I", "-c", script])).output, "я");
  });

  it("reads what a Python says, and nothing else", async () => {
    const { output } = await run("python3", ["-I", "-c", PROBE]);
    const found = parseFacts(output);
    assert.ok(found);
    assert.equal(found.version[0], 3);
    for (const other of ["", "Python was not found; run without arguments to install from the Microsoft Store", "[3]", "null"]) {
      assert.equal(parseFacts(other), undefined);
    }
  });
});

describe("the plan of an environment", () => {
  const kinds = (wishes: Partial<Wishes>, machine = LINUX): string[] =>
    makePlan("/usr/bin/python3", FOLDER, { ...WISHES, ...wishes }, machine).map(({ kind, variant }) => (variant ? `${kind} ${variant}` : kind));

  it("tries prebuilt engines first and compiles last", () => {
    assert.deepEqual(kinds({}), ["venv", "server", "prebuilt cpu", "compile"]);
    assert.deepEqual(kinds({}, { ...LINUX, cudaVersion: "12.8" }), ["venv", "server", "prebuilt cu124", "prebuilt cpu", "compile"]);
    assert.deepEqual(kinds({}, { ...LINUX, cudaVersion: "11.8" }), ["venv", "server", "prebuilt cpu", "compile"]);
    assert.deepEqual(prebuiltVariants("auto", { platform: "darwin", arch: "arm64", cudaVersion: undefined }), ["metal"]);
  });

  it("does what was chosen and no more", () => {
    assert.deepEqual(kinds({ engineBuild: "none" }), ["venv", "server"]);
    assert.deepEqual(kinds({ engineBuild: "cuda" }), ["venv", "server", "prebuilt cu124"]);
    assert.deepEqual(kinds({ engineBuild: "compile" }), ["venv", "server", "compile"]);
  });

  it("reinstalls the server in an update, whatever its version, and keeps the environment", () => {
    const plan = makePlan("/usr/bin/python3", FOLDER, WISHES, LINUX, true);
    assert.deepEqual(plan.map(({ goal }) => goal), ["dependencies", "server", "engine", "engine"]);
    assert.ok(plan[0]?.args.includes("--upgrade"));
    assert.deepEqual(plan[1]?.args.slice(-3), ["--force-reinstall", "--no-deps", WISHES.wheel]);
    assert.ok(plan[1].checkArgs);
  });

  it("takes everything from the folder in a closed network", () => {
    const plan = makePlan("/usr/bin/python3", FOLDER, { ...WISHES, wheelsFolder: "/media/wheels" }, LINUX);
    assert.deepEqual(plan.map(({ kind }) => kind), ["venv", "server", "folder"]);
    for (const step of plan.slice(1)) {
      assert.ok(step.args.includes("--no-index") && step.args.includes("/media/wheels"), step.kind);
      assert.ok(!step.args.some((argument) => argument.includes("://")), step.kind);
    }
  });

  it("always lets pip try again, as only that names an index out of reach", () => {
    for (const { kind, args } of makePlan("/usr/bin/python3", FOLDER, WISHES, LINUX).slice(1)) {
      assert.ok(Number(args[args.indexOf("--retries") + 1]) >= 1, kind);
    }
  });

  it("installs into the environment also where pip is set to install for the user", () => {
    for (const { kind, args } of makePlan("/usr/bin/python3", FOLDER, WISHES, LINUX).slice(1)) assert.ok(args.includes("--no-user"), kind);
  });

  it("builds with the flags of GCC on Linux alone, and in a folder with a short name on Windows", () => {
    const envs = (["linux", "darwin", "win32"] as const).map((platform) => {
      const plan = makePlan("python3", FOLDER, { ...WISHES, engineBuild: "compile" }, { ...LINUX, platform });
      return plan.at(-1)?.env ?? {};
    });
    assert.deepEqual(envs.map((env) => env.CMAKE_ARGS?.includes("AMX")), [true, false, false]);
    assert.deepEqual(envs.map((env) => env.TMP), [undefined, undefined, "C:\\kdp"]);
  });

  it("knows where the interpreter is", () => {
    assert.equal(environmentPython("C:\\Users\\Иван\\env", "win32"), "C:\\Users\\Иван\\env\\Scripts\\python.exe");
    assert.equal(environmentPython(FOLDER, "linux"), "/home/Иван Петров/env/bin/python");
  });
});

describe("pip's output", () => {
  it("shows how far it is", () => {
    assert.deepEqual(readLine("  [ 45/180] Building CXX object vendor/llama.cpp/ggml.o"), { detail: "45/180", percent: 25 });
    assert.deepEqual(readLine("[ 12%] Building C object"), { detail: "", percent: 12 });
    assert.deepEqual(readLine("  Downloading numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl (16.3 MB)"), { detail: "numpy-2.1.0 (16.3 MB)" });
    assert.deepEqual(readLine("Collecting pygls>=2.1"), { detail: "pygls>=2.1" });
    for (const folder of ["/home/Иван Петров/ext/wheel/", "C:\\Users\\Иван Петров\\wheel\\", "./", ""]) {
      assert.deepEqual(readLine(`Processing ${folder}kodopis-0.1.0-py3-none-any.whl (from x)`), { detail: "kodopis-0.1.0-py3-none-any.whl" });
    }
    assert.equal(readLine("warning: something"), undefined);
  });

  it("shows what went wrong", () => {
    for (const line of [
      "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<pip…>: Failed to establish a new connection: [Errno 111]",
      "WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to proxy.')",
      "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='pypi.org'): Max retries exceeded",
      "[Errno -3] Temporary failure in name resolution",
    ]) {
      assert.equal(causeOf(`${line}\nERROR: No matching distribution found for pygls`), "network", line);
    }
    assert.equal(causeOf("CMake Error: CMAKE_CXX_COMPILER not set"), "compiler");
    assert.equal(causeOf("OSError: [Errno 28] No space left on device"), "space");
    assert.equal(causeOf("PermissionError: [Errno 13] Permission denied"), "readOnly");
    assert.equal(causeOf("Error: EROFS: read-only file system, open '/env/install.lock'"), "readOnly");
    assert.equal(causeOf("Error: EPERM: operation not permitted, mkdir '/env'"), "readOnly");
    assert.equal(causeOf("PermissionError: [WinError 5] Отказано в доступе: 'C:\\\\env'"), "readOnly");
    assert.equal(causeOf("PermissionError: [WinError 5] Отказано в доступе: 'C:\\\\env\\\\llama.dll'"), "inUse");
    assert.equal(causeOf("PermissionError: [WinError 32] Процесс не может получить доступ к файлу"), "inUse");
    assert.equal(causeOf("Error: EPERM: operation not permitted, rename 'C:\\env' -> 'C:\\env.kept'"), "inUse");
    assert.equal(causeOf("Error: EBUSY: resource busy or locked, rmdir 'C:\\env'"), "inUse");
    assert.equal(causeOf("OSError: [WinError 112] Недостаточно места на диске"), "space");
    assert.equal(causeOf("ERROR: No matching distribution found for pygls"), "notFound");
    assert.equal(causeOf("?"), "other");
  });
});

describe("the lock", () => {
  it("lets one work at a time, and takes over from the dead", async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "кодопись "));
    const file = path.join(folder, "install.lock");
    await fs.writeFile(file, "999999999");
    const order: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      order.push(`${name} ends`);
    };
    const never = (): boolean => false;
    await Promise.all([withLock(file, work("a"), () => undefined, never), withLock(file, work("b"), () => undefined, never)]);
    assert.equal(order.length, 4);
    assert.equal(order[0]?.[0], order[1]?.[0]);
    await assert.rejects(fs.access(file));
    await fs.rm(folder, { recursive: true });
  });

  it("takes over from the dead whose number another process has, but not from the living", async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "kodopis-"));
    const file = path.join(folder, "install.lock");
    await fs.writeFile(file, String(process.pid));
    const times = { beatMs: 100, silentMs: 1000 };
    const order: string[] = [];
    const holder = withLock(file, async () => {
      order.push("taken");
      await new Promise((resolve) => setTimeout(resolve, 2500));
      order.push("left");
    }, () => undefined, () => false, times);
    while (order.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await withLock(file, () => Promise.resolve(order.push("taken again")), () => undefined, () => false, times);
    await holder;
    assert.deepEqual(order, ["taken", "left", "taken again"]);
    await fs.rm(folder, { recursive: true });
  });

  it("gives up waiting when told to", async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "kodopis-"));
    const file = path.join(folder, "install.lock");
    await fs.writeFile(file, String(process.pid));
    let waits = 0;
    const result = await withLock(file, () => Promise.resolve(1), () => { waits += 1; }, () => waits > 0);
    assert.equal(result, undefined);
    await fs.rm(folder, { recursive: true });
  });
});

describe("VS Code's proxy", () => {
  const proxy = "http://user:pa55@proxy.example:3128";
  const set = (settings: Record<string, unknown>): void => { stub.settings.user = settings; };
  afterEach(() => { set({}); stub.settings.workspace = {}; });

  it("is named to the programs that are run, but not for what runs on this machine", async () => {
    set({ "http.proxy": ` ${proxy} `, "http.noProxy": ["intranet.example", 5] });
    const direct = "pypi.example,intranet.example,localhost,127.0.0.1,::1";
    assert.deepEqual(proxyEnv({ NO_PROXY: "pypi.example" }), { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: direct });
    assert.equal(proxyEnv({ no_proxy: "*" }).NO_PROXY?.split(",")[0], "*");
    const inherited = process.env;
    process.env = Object.fromEntries(Object.entries(inherited).filter(([name]) => !/_proxy$/i.test(name)));
    try {
      const { output } = await run(process.execPath, ["-p", "process.env.HTTPS_PROXY"]);
      assert.equal(output.trim(), proxy);
    } finally {
      process.env = inherited;
    }
  });

  it("is not undone by variables in small letters, which Python takes first", () => {
    set({ "http.proxy": proxy });
    const inherited = process.env;
    process.env = { https_proxy: "", no_proxy: "intranet.example" };
    try {
      assert.deepEqual(Object.keys(pythonEnv()).filter((name) => /_proxy$/i.test(name)).sort(), ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"]);
      assert.match(pythonEnv().NO_PROXY ?? "", /^intranet\.example,.*127\.0\.0\.1/);
    } finally {
      process.env = inherited;
    }
  });

  it("gives way to the environment's own", () => {
    set({ "http.proxy": proxy });
    for (const name of ["HTTP_PROXY", "https_proxy", "All_Proxy"]) assert.deepEqual(proxyEnv({ [name]: "http://other:1" }), {}, name);
    assert.equal(proxyEnv({ HTTPS_PROXY: "" }).HTTPS_PROXY, proxy);
  });

  it("is not taken where it is off, no address, or a folder's", () => {
    for (const value of [undefined, "", "proxy.example:3128", "http://", "socks5://proxy.example:1", 3128, null]) {
      set({ "http.proxy": value });
      assert.deepEqual(proxyEnv({}), {}, String(value));
    }
    set({ "http.proxy": proxy, "http.proxySupport": "off" });
    assert.deepEqual(proxyEnv({}), {});
    set({});
    stub.settings.workspace = { "http.proxy": proxy };
    assert.deepEqual(proxyEnv({}), {});
  });
});

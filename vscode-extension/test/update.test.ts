import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { describe, it } from "node:test";
import type { LogOutputChannel } from "vscode";
import { Environment } from "../src/environment/environment.js";
import { Installer, type InstallerEvents } from "../src/environment/installer.js";
import { withLock } from "../src/environment/lock.js";
import { Problems } from "../src/ui/problems.js";
import type { Stage } from "../src/ui/status.js";
import { stub } from "./stub/state.js";

const quiet = (): undefined => undefined;
const log = { debug: quiet, error: quiet, info: quiet, warn: quiet } as unknown as LogOutputChannel;

/** An environment whose Python writes down what it is asked for, and fails where the file "fails" says so. */
async function world(): Promise<{ environment: Environment; storage: string; wheel: string; asked: () => Promise<string[]> }> {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), "кодопись "));
  const storage = path.join(root, "storage");
  const wheel = path.join(root, "wheel", "kodopis-0.1.0.whl");
  const python = path.join(storage, "env", "bin", "python");
  await fs.mkdir(path.dirname(wheel));
  await fs.mkdir(path.dirname(python), { recursive: true });
  await fs.writeFile(wheel, "the second wheel");
  await fs.writeFile(path.join(storage, "ready.json"), JSON.stringify({ wheel: "hash of the first", engine: "compile" }));
  const script = `#!/bin/sh\necho "$@" >> "${storage}/asked"\nsleep "$(cat "${storage}/waits" 2>/dev/null || echo 0)"\ncase "$*" in *"$(cat "${storage}/fails" 2>/dev/null || echo nothing)"*) exit 1;; esac\n`;
  await fs.writeFile(python, script, { mode: 0o755 });
  const environment = new Environment(storage, path.dirname(wheel), log);
  const asked = async (): Promise<string[]> => (await fs.readFile(path.join(storage, "asked"), "utf8")).trim().split("\n");
  return { environment, storage, wheel, asked };
}

function installer(environment: Environment, events: Partial<InstallerEvents> = {}): Installer {
  const nothing = { onStage: quiet, onInstalled: quiet, useEndpoint: () => Promise.resolve(), stop: () => Promise.resolve() };
  return new Installer(environment, new Problems(), log, { ...nothing, ...events });
}

const isThere = (file: string): Promise<boolean> => fs.access(file).then(() => true, () => false);

/** pip has begun. */
async function begun(storage: string): Promise<void> {
  while (!(await isThere(path.join(storage, "asked")))) await new Promise((resolve) => setTimeout(resolve, 20));
}

const SKIP = { skip: process.platform === "win32" && "the stand-in for Python is a shell script" };

describe("updating the environment", SKIP, () => {
  it("replaces a server of the same version, and keeps the engine's name", async () => {
    const { environment, storage, wheel, asked } = await world();
    assert.equal(await environment.state(), "outdated");
    await installer(environment).install(true);
    assert.equal(await environment.state(), "ready");
    assert.equal(await environment.engine(), "compile");
    const commands = await asked();
    assert.ok(commands.some((command) => command.endsWith(`--force-reinstall --no-deps ${wheel}`)));
    assert.ok(!commands.some((command) => command.includes("-m venv")));
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("needs no other Python than the environment's own", async () => {
    const { environment, storage } = await world();
    Object.assign(stub.settings.user, { python: "/gone/python3.12" });
    await installer(environment).install(true);
    Reflect.deleteProperty(stub.settings.user, "python");
    assert.equal(await environment.state(), "ready");
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("is not taken for a missing installation, nor started from, while it goes on", async () => {
    const { environment, storage } = await world();
    const stages: string[] = [];
    const installing = installer(environment, { onStage: ({ kind }) => { stages.push(kind); } });
    const going = installing.install(true);
    assert.equal(await installing.serverPython(), undefined);
    await going;
    assert.equal(stages.includes("notInstalled"), false);
    assert.equal(await installing.serverPython(), environment.python);
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("ends with the window", async () => {
    const { environment, storage } = await world();
    await fs.writeFile(path.join(storage, "waits"), "60");
    let nInstalled = 0;
    const installing = installer(environment, { onInstalled: () => { nInstalled += 1; } });
    const going = installing.install(true);
    await begun(storage);
    installing.dispose();
    await going;
    assert.equal(nInstalled, 0);
    assert.equal(await environment.state(), "outdated");
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("leaves the environment as one to update where it fails, and is tried again as an update", async () => {
    const { environment, storage, asked } = await world();
    await fs.writeFile(path.join(storage, "fails"), "--force-reinstall");
    stub.messages.length = 0;
    stub.presses = ["Try again"];
    await installer(environment).install(true);
    while (stub.messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await environment.state(), "outdated");
    const commands = await asked();
    assert.equal(commands.filter((command) => command.includes("--force-reinstall")).length, 2);
    assert.ok(!commands.some((command) => command.includes("-m venv")));
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("leaves the environment as one to update where it is called off", async () => {
    const { environment, storage } = await world();
    const stages: string[] = [];
    const installing = installer(environment, { onStage: ({ kind }) => { stages.push(kind); } });
    stub.cancelsProgress = true;
    await installing.install(true);
    stub.cancelsProgress = false;
    assert.equal(await environment.state(), "outdated");
    assert.equal(stages.at(-1), "outdated");
    await installing.serverPython(); // as the next start does
    while (stages.at(-1) !== "installing" || (await environment.state()) !== "ready") await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await environment.engine(), "compile");
    assert.equal(stages.includes("notInstalled"), false);
    await fs.rm(path.dirname(storage), { recursive: true });
  });
});

describe("making a whole environment anew", SKIP, () => {
  /** As `world`, whole; the Python that is found makes environments whose own Python ends with `code`. */
  async function whole(code: number): Promise<{ environment: Environment; storage: string; ready: string }> {
    const { environment, storage, wheel } = await world();
    const ready = JSON.stringify({ wheel: createHash("sha256").update(await fs.readFile(wheel)).digest("hex"), engine: "compile" });
    await fs.writeFile(path.join(storage, "ready.json"), ready);
    const python = path.join(path.dirname(storage), "python");
    const script = `#!/bin/sh
case "$*" in
  *"-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; printf "#!/bin/sh\\nexit ${code}\\n" > "$folder/bin/python"; chmod +x "$folder/bin/python" ;;
  *) echo '{"version": [3, 12, 0], "executable": "${python}", "venv": true}' ;;
esac
`;
    await fs.writeFile(python, script, { mode: 0o755 });
    Object.assign(stub.settings.user, { python });
    stub.messages.length = 0;
    return { environment, storage, ready };
  }

  async function end(storage: string): Promise<void> {
    Reflect.deleteProperty(stub.settings.user, "python");
    await fs.rm(path.dirname(storage), { recursive: true });
  }

  /** It is the one there was. */
  async function isOld({ environment, storage, ready }: { environment: Environment; storage: string; ready: string }): Promise<void> {
    assert.equal(await fs.readFile(path.join(storage, "ready.json"), "utf8"), ready);
    assert.match(await fs.readFile(environment.python, "utf8"), /asked/);
    assert.deepEqual((await fs.readdir(storage)).sort(), ["env", "ready.json"]);
  }

  it("leaves everything as it is where no Python is found", async () => {
    const made = await whole(0);
    Object.assign(stub.settings.user, { python: "/gone/python3.12" });
    const did: string[] = [];
    await installer(made.environment, {
      onStage: ({ kind }) => { did.push(kind); },
      stop: () => Promise.resolve(void did.push("stop")),
    }).install();
    assert.match(stub.messages[0]?.text ?? "", /names no Python/);
    assert.deepEqual(did, []);
    await isOld(made);
    await end(made.storage);
  });

  it("takes the old one's place when it is whole", async () => {
    const { environment, storage } = await whole(0);
    await installer(environment).install();
    assert.equal(await environment.state(), "ready");
    assert.equal(await environment.engine(), "cpu");
    assert.deepEqual((await fs.readdir(storage)).sort(), ["env", "ready.json"]);
    await end(storage);
  });

  it("goes back to the old one where it fails, and starts that again", async () => {
    const made = await whole(1);
    const did: string[] = [];
    await installer(made.environment, {
      onInstalled: () => { did.push("start"); },
      stop: () => Promise.resolve(void did.push("stop")),
    }).install();
    assert.match(stub.messages[0]?.text ?? "", /could not be installed/);
    assert.deepEqual(did, ["stop", "start"]);
    await isOld(made);
    await end(made.storage);
  });

  it("goes back to the old one where it is called off", async () => {
    const made = await whole(0);
    stub.cancelsProgress = true;
    await installer(made.environment).install();
    stub.cancelsProgress = false;
    await isOld(made);
    await end(made.storage);
  });

  it("goes back to the one that a window has set aside which ended in the middle", async () => {
    const made = await whole(1);
    for (const name of ["env", "ready.json"]) await fs.rename(path.join(made.storage, name), path.join(made.storage, `${name}.kept`));
    await fs.mkdir(path.dirname(made.environment.python), { recursive: true });
    await fs.writeFile(made.environment.python, "half-made");
    assert.equal(await made.environment.state(), "missing");
    await installer(made.environment).install();
    await isOld(made);
    await end(made.storage);
  });
});

describe("an extension without its wheel", SKIP, () => {
  it("says that nothing could be installed", async () => {
    const { environment, storage, wheel } = await world();
    await fs.rm(wheel);
    stub.messages.length = 0;
    await installer(environment).install(true);
    assert.match(stub.messages[0]?.text ?? "", /could not be made/);
    await fs.rm(path.dirname(storage), { recursive: true });
  });
});

describe("the offer to install", () => {
  it("says why what was chosen is not done", async () => {
    const useEndpoint = (): Promise<void> => Promise.reject(new Error("the settings cannot be written"));
    const missing = { state: () => Promise.resolve("missing") };
    stub.messages.length = 0;
    stub.presses = ["I have a model server…"];
    assert.equal(await installer(missing as unknown as Environment, { useEndpoint }).serverPython(), undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(stub.messages.slice(1).map(({ text }) => text), ["the settings cannot be written"]);
  });
});

describe("removing the environment", () => {
  it("says in a sentence why it cannot", async () => {
    const stages: Stage[] = [];
    const busy = { remove: () => Promise.reject(new Error("EBUSY: resource busy or locked, rmdir 'C:\\env'")) };
    stub.messages.length = 0;
    await installer(busy as unknown as Environment, { onStage: (stage) => { stages.push(stage); } }).remove();
    assert.match(stub.messages[0]?.text ?? "", /in use: close other windows/);
    assert.equal(stages.at(-1)?.kind, "failed");
  });

  it("calls off what this window is installing, and waits for its end", SKIP, async () => {
    const { environment, storage } = await world();
    await fs.writeFile(path.join(storage, "waits"), "60");
    const did: string[] = [];
    const installing = installer(environment, {
      onStage: ({ kind }) => { did.push(kind); },
      onInstalled: () => { did.push("installed"); },
      stop: () => Promise.resolve(void did.push("stop")),
    });
    const going = installing.install(true).then(() => did.push("ended"));
    await begun(storage);
    did.length = 0;
    stub.messages.length = 0;
    await installing.remove();
    assert.deepEqual(did, ["ended", "stop", "notInstalled"]);
    await going;
    assert.deepEqual(stub.messages, []);
    assert.deepEqual((await fs.readdir(storage)).sort(), ["asked", "waits"]);
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("leaves alone what another window is installing, and the server that runs", SKIP, async () => {
    const { environment, storage } = await world();
    const did: string[] = [];
    const removing = installer(environment, {
      onStage: ({ kind }) => { did.push(kind); },
      stop: () => Promise.resolve(void did.push("stop")),
    });
    stub.messages.length = 0;
    const never = (): boolean => false;
    const times = { beatMs: 20, silentMs: 20_000 };
    await withLock(path.join(storage, "install.lock"), () => removing.remove(), quiet, never, times);
    assert.deepEqual(stub.messages.map(({ text }) => text.split(":")[0]), ["Another window is installing Kodopis"]);
    assert.deepEqual(did, []);
    assert.equal(await environment.state(), "outdated");
    await fs.rm(path.dirname(storage), { recursive: true });
  });

  it("does not take the lock of a window that is gone for one at work", async () => {
    const { environment, storage } = await world();
    await fs.writeFile(path.join(storage, "install.lock"), "999999999");
    await installer(environment).remove();
    assert.deepEqual(await fs.readdir(storage), []);
    await fs.rm(path.dirname(storage), { recursive: true });
  });
});

describe("making the environment", SKIP, () => {
  it("says so where Python made it out of reach", async () => {
    const { environment, storage } = await world();
    await fs.rm(path.join(storage, "env"), { recursive: true });
    const order = {
      python: "/bin/true",
      wishes: { wheelsFolder: "", engineBuild: "none" },
      machine: { platform: process.platform, arch: process.arch, cudaVersion: undefined },
      isUpdate: false,
    } as const;
    const token = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: quiet }) };
    const result = await environment.make(order, { onStep: quiet, onProgress: quiet, onWaiting: quiet }, token);
    assert.deepEqual(result, { kind: "failed", goal: "environment", cause: "elsewhere" });
    assert.equal(await environment.state(), "missing");
    await fs.rm(path.dirname(storage), { recursive: true });
  });
});

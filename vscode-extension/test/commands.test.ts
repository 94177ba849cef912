import assert from "node:assert/strict";
import * as os from "node:os";
import { describe, it } from "node:test";
import * as vscode from "vscode";
import { registerCommands } from "../src/commands.js";
import { showEdited } from "../src/server/requests.js";
import { Session } from "../src/session.js";
import { stub } from "./stub/state.js";

const quiet = (): undefined => undefined;
const log = { debug: quiet, error: quiet, info: quiet, warn: quiet } as unknown as vscode.LogOutputChannel;

/** A window in which no server runs. */
function opened(): Session {
  const secrets = { get: () => Promise.resolve(undefined), store: () => Promise.resolve(), delete: () => Promise.resolve() };
  const context = { globalStorageUri: { fsPath: os.tmpdir() }, extensionPath: ".", secrets } as unknown as vscode.ExtensionContext;
  const session = new Session(context, log);
  registerCommands(session);
  stub.messages.length = 0;
  return session;
}

const run = async (name: string): Promise<unknown> => vscode.commands.executeCommand(`kodopis.${name}`);

describe("a command", () => {
  it("that asks for code says so where there is no server to ask", async () => {
    const session = opened();
    await run("suggest");
    assert.match(stub.messages[0]?.text ?? "", /not running yet/);
    session.status.take({ kind: "stage", stage: { kind: "notInstalled" } });
    await run("suggest");
    assert.match(stub.messages[1]?.text ?? "", /not installed yet/);
    assert.equal(stub.messages[1]?.buttons[0], "Install");
    session.status.take({ kind: "stage", stage: { kind: "outdated" } });
    await run("suggest");
    assert.match(stub.messages[2]?.text ?? "", /not updated yet/);
    assert.equal(stub.messages[2]?.buttons[0], "Restart");
  });

  it("that works on code says so where no file is open: the walkthrough has one as a link", async () => {
    opened();
    stub.activeEditor = undefined;
    await run("explainSelection");
    assert.match(stub.messages[0]?.text ?? "", /Open a Python file/);
  });

  it("that fixes a line is told of what is wrong anywhere in it", async () => {
    const session = opened();
    const asked: object[] = [];
    session.runFromServer = (_, argument) => Promise.resolve(asked.push(argument));
    const cursor = new vscode.Range(2, 0, 2, 0);
    stub.activeEditor = {
      document: { uri: "file:///a.py", lineAt: () => ({ range: new vscode.Range(2, 0, 2, 20) }) },
      selection: Object.assign(cursor, { active: cursor.start }),
    };
    stub.diagnostics = [
      { message: "above", range: new vscode.Range(1, 0, 1, 4) },
      { message: "on the line", range: new vscode.Range(2, 12, 2, 16) },
    ];
    await run("fixSelection");
    stub.activeEditor = undefined;
    const [{ diagnostics = [] } = {}] = asked as { diagnostics?: { message: string }[] }[];
    assert.deepEqual(diagnostics.map(({ message }) => message), ["on the line"]);
  });
});

describe("repairing", () => {
  it("does not stop the server before there is a Python to make the environment from", async () => {
    const session = opened();
    const did: string[] = [];
    session.supervisor.stop = () => Promise.resolve(void did.push("stop"));
    Object.assign(stub.settings.user, { python: "/gone/python3.12" });
    await run("repair");
    Reflect.deleteProperty(stub.settings.user, "python");
    assert.match(stub.messages[0]?.text ?? "", /names no Python/);
    assert.deepEqual(did, []);
  });
});

describe("removing what was installed", () => {
  it("does not leave a server of the user's own Python down", async () => {
    const session = opened();
    const did: string[] = [];
    session.supervisor.stop = () => Promise.resolve(void did.push("stop"));
    session.supervisor.restart = () => Promise.resolve(void did.push("restart"));
    session.environment.remove = async (prepare) => {
      await prepare();
      return did.push("remove") > 0;
    };
    stub.presses = ["Remove"];
    await run("remove");
    Object.assign(stub.settings.user, { serverPython: "/opt/kodopis/bin/python" });
    stub.presses = ["Remove"];
    await run("remove");
    Reflect.deleteProperty(stub.settings.user, "serverPython");
    assert.deepEqual(did, ["stop", "remove", "stop", "remove", "restart"]);
  });
});

describe("an edit that was made", () => {
  it("stays made where its file cannot be shown", async () => {
    stub.shows = () => { throw new Error("Could NOT open editor"); };
    await showEdited({ changes: { "file:///test_a.py": [] } });
    stub.shows = quiet;
  });
});

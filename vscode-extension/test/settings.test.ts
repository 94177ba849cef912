import assert from "node:assert/strict";
import * as os from "node:os";
import { describe, it } from "node:test";
import type { ExtensionContext, LogOutputChannel } from "vscode";
import { Session } from "../src/session.js";
import { stub } from "./stub/state.js";

const quiet = (): undefined => undefined;
const log = { debug: quiet, error: quiet, info: quiet, warn: quiet } as unknown as LogOutputChannel;

describe("a setting that is changed", () => {
  it("starts the server anew where its process depends on it, as on VS Code's proxy", () => {
    const secrets = { get: () => Promise.resolve(undefined), store: () => Promise.resolve(), delete: () => Promise.resolve() };
    const session = new Session({ globalStorageUri: { fsPath: os.tmpdir() }, extensionPath: ".", secrets } as unknown as ExtensionContext, log);
    let nStarts = 0;
    session.supervisor.restart = () => Promise.resolve(void (nStarts += 1));
    const starts = (changed: string): boolean => {
      const before = nStarts;
      stub.configured.fire({ affectsConfiguration: (name: string) => changed === name || changed.startsWith(`${name}.`) });
      return nStarts > before;
    };
    for (const name of ["http.proxy", "http.noProxy", "kodopis.serverPython", "kodopis.language"]) assert.ok(starts(name), name);
    for (const name of ["http.proxyStrictSSL", "kodopis.maxTokens", "editor.fontSize"]) assert.ok(!starts(name), name);
  });
});

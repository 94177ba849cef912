import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogOutputChannel } from "vscode";
import { ConnectionError, ConnectionErrors, ErrorCodes, LSPErrorCodes, ResponseError } from "vscode-languageclient/node";
import { codeOf, isCancellation, isDisconnection } from "../src/server/errors.js";
import { Supervisor } from "../src/server/supervisor.js";

const log = { debug: () => undefined, error: () => undefined, warn: () => undefined } as unknown as LogOutputChannel;

describe("the supervisor", () => {
  it("starts again after a start that could not even be prepared", async () => {
    let nCreated = 0;
    const gaveUp: unknown[] = [];
    const create = (): Promise<undefined> => {
      nCreated += 1;
      return nCreated === 1 ? Promise.reject(new Error("EROFS")) : Promise.resolve(undefined);
    };
    const supervisor = new Supervisor(
      { create, onStarting: () => undefined, onRunning: () => undefined, onGaveUp: (error) => { gaveUp.push(error); } },
      log,
    );
    for (let attempt = 0; attempt < 3; attempt += 1) await supervisor.restart();
    assert.equal(nCreated, 3);
    assert.deepEqual(gaveUp.map(String), ["Error: EROFS"]);
  });
});

describe("an error of a request", () => {
  it("is no fault where the server has ended meanwhile", () => {
    for (const code of [ErrorCodes.PendingResponseRejected, ErrorCodes.ConnectionInactive, ErrorCodes.MessageWriteError]) {
      assert.ok(isDisconnection(new ResponseError(code, "Pending response rejected since connection got disposed")));
    }
    assert.ok(isDisconnection(new ConnectionError(ConnectionErrors.Disposed, "Connection is disposed.")));
    assert.ok(!isDisconnection(new ResponseError(LSPErrorCodes.RequestFailed, "нет модели")));
    assert.ok(!isDisconnection(new Error("Connection is disposed.")));
    assert.ok(isCancellation(new ResponseError(LSPErrorCodes.ServerCancelled, "")));
  });

  it("tells the server's name for it", () => {
    assert.equal(codeOf(new ResponseError(LSPErrorCodes.RequestFailed, "", { code: "engine_unauthorized" })), "engine_unauthorized");
    assert.equal(codeOf(new ResponseError(LSPErrorCodes.RequestFailed, "")), undefined);
    assert.equal(codeOf(new Error("x")), undefined);
  });
});

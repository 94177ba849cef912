import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogOutputChannel } from "vscode";
import { ConnectionError, ConnectionErrors, ErrorCodes, LSPErrorCodes, ResponseError, State, type LanguageClient } from "vscode-languageclient/node";
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

  /** A supervisor of clients that always start, and how they and it went. */
  const supervised = (): { supervisor: Supervisor; clients: LanguageClient[]; heard: string[] } => {
    const clients: LanguageClient[] = [];
    const heard: string[] = [];
    const create = (): Promise<LanguageClient> => {
      const client = {
        state: State.Stopped,
        start: () => { client.state = State.Running; return Promise.resolve(); },
        dispose: () => { client.state = State.Stopped; return Promise.resolve(); },
      };
      clients.push(client as unknown as LanguageClient);
      return Promise.resolve(client as unknown as LanguageClient);
    };
    const hear = (what: string) => (): void => { heard.push(what); };
    const supervisor = new Supervisor({ create, onStarting: hear("starting"), onRunning: hear("running"), onGaveUp: hear("gave up") }, log);
    return { supervisor, clients, heard };
  };

  it("does as it was told last, whatever it was told before", async () => {
    const { supervisor } = supervised();
    await Promise.all([supervisor.restart(), supervisor.stop(), supervisor.restart()]);
    assert.ok(supervisor.running);
    await Promise.all([supervisor.restart(), supervisor.stop()]);
    assert.equal(supervisor.running, undefined);
  });

  it("starts when it is asked to while it finds nothing to start", async () => {
    let nCreated = 0;
    const nothing = (): undefined => undefined;
    let found: (client: undefined) => void = nothing;
    const create = (): Promise<undefined> => {
      nCreated += 1;
      return nCreated === 1 ? new Promise((resolve) => { found = resolve; }) : Promise.resolve(undefined);
    };
    const supervisor = new Supervisor({ create, onStarting: nothing, onRunning: nothing, onGaveUp: nothing }, log);
    void supervisor.restart();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const again = supervisor.restart();
    found(undefined);
    await again;
    assert.equal(nCreated, 2);
  });

  it("does not start what was called off while it was prepared", async () => {
    const nothing = (): undefined => undefined;
    const prepared: ((client: LanguageClient) => void)[] = [];
    const started: string[] = [];
    const prepare = (name: string): void => {
      const client = { state: State.Stopped, start: () => Promise.resolve(void started.push(name)), dispose: () => Promise.resolve() };
      prepared.shift()?.(client as unknown as LanguageClient);
    };
    const create = (): Promise<LanguageClient> => new Promise((resolve) => { prepared.push(resolve); });
    const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
    const supervisor = new Supervisor({ create, onStarting: nothing, onRunning: nothing, onGaveUp: nothing }, log);
    void supervisor.restart();
    await soon();
    const again = supervisor.restart();
    prepare("first");
    await soon();
    prepare("second");
    await again;
    void supervisor.restart();
    await soon();
    const stopped = supervisor.stop();
    prepare("third");
    await stopped;
    assert.deepEqual(started, ["second"]);
  });

  it("does not wait for a start that never ends", async () => {
    let nCreated = 0;
    const create = (): Promise<LanguageClient> => {
      nCreated += 1;
      const isFirst = nCreated === 1;
      let fail: (error: Error) => void = () => undefined;
      const client = {
        state: State.Stopped,
        start: () => {
          client.state = isFirst ? State.Starting : State.Running;
          return isFirst ? new Promise<void>((_, reject) => { fail = reject; }) : Promise.resolve();
        },
        // As the language client does: the process is ended, and the start fails with its connection.
        dispose: () => {
          if (client.state !== State.Starting) return Promise.resolve();
          client.state = State.Stopped;
          fail(new Error("Connection got disposed"));
          return Promise.reject(new Error("Client is not running and can't be stopped"));
        },
      };
      return Promise.resolve(client as unknown as LanguageClient);
    };
    const nothing = (): undefined => undefined;
    const supervisor = new Supervisor({ create, onStarting: nothing, onRunning: nothing, onGaveUp: nothing }, log);
    void supervisor.restart();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await supervisor.restart();
    assert.ok(supervisor.running);
    assert.equal(nCreated, 2);
    await supervisor.stop();
  });

  it("keeps a server that runs when an earlier one's process ends late", async () => {
    const { supervisor, clients, heard } = supervised();
    await supervisor.restart();
    await supervisor.restart();
    const [earlier, present] = clients;
    assert.ok(earlier && present);
    supervisor.ended(earlier);
    assert.deepEqual(heard, ["starting", "running", "starting", "running"]);
    supervisor.ended(present);
    assert.equal(heard.at(-1), "starting");
    await supervisor.stop();
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

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Backoff } from "../src/server/backoff.js";
import type { StatusParams } from "../src/server/protocol.js";
import { INITIAL, reduce, shortModel, show, type StatusEvent } from "../src/ui/status.js";

const after = (...events: StatusEvent[]) => show(events.reduce(reduce, INITIAL));
const running: StatusEvent = { kind: "stage", stage: { kind: "running" } };
const server = (status: Partial<StatusParams>): StatusEvent => ({
  kind: "server", status: { state: "ready", model: "qwen2.5-coder-0.5b", remote: false, ...status },
});

describe("the status item", () => {
  it("shows the model when it is ready", () => {
    const view = after(running, server({}));
    assert.deepEqual([view.icon, view.text, view.args], ["sparkle", "{0}", ["qwen2.5-coder-0.5b"]]);
  });

  it("shows how far loading is", () => {
    const view = after(running, server({ state: "loading", percent: 41.6 }));
    assert.deepEqual([view.text, view.args], ["Kodopis: loading the model, {0} %", ["42"]]);
  });

  it("says that the model is elsewhere, and that suggestions wait to be asked for", () => {
    assert.equal(after(running, server({ remote: true })).text, "{0}, remote");
    assert.equal(after(running, server({}), { kind: "automatic", on: false }).text, "{0}, by hand");
  });

  it("shows errors as errors", () => {
    const view = after(running, server({ state: "error", message: "нет модели" }));
    assert.deepEqual([view.severity, view.detail], ["error", "нет модели"]);
    assert.equal(after({ kind: "stage", stage: { kind: "failed", message: "нет Python" } }).detail, "нет Python");
  });

  it("tells what is not updated from what is not installed", () => {
    assert.equal(after({ kind: "stage", stage: { kind: "notInstalled" } }).text, "Kodopis: not installed");
    assert.equal(after({ kind: "stage", stage: { kind: "outdated" } }).text, "Kodopis: not updated");
  });

  it("forgets what a server said that is gone", () => {
    assert.equal(after(running, server({}), { kind: "stage", stage: { kind: "starting" } }).text, "Kodopis: starting…");
    assert.equal(after(running, server({}), { kind: "stage", stage: { kind: "starting" } }, running).text, "Kodopis: starting…");
  });

  it("shortens paths to a file's name", () => {
    assert.equal(shortModel("C:\\модели\\моя.gguf"), "моя");
    assert.equal(shortModel("/models/my.GGUF"), "my");
    assert.equal(shortModel("x".repeat(50)).length, 32);
  });
});

describe("a server that keeps ending", () => {
  it("is started later each time, then not at all", () => {
    const backoff = new Backoff({ firstDelayMs: 100, longestDelayMs: 300, mostEnds: 3, windowMs: 10_000 });
    assert.deepEqual([backoff.ended(0), backoff.ended(1), backoff.ended(2), backoff.ended(3)], [
      { kind: "restart", delayMs: 100 },
      { kind: "restart", delayMs: 200 },
      { kind: "restart", delayMs: 300 },
      { kind: "giveUp" },
    ]);
  });

  it("is forgiven with time and by the user", () => {
    const backoff = new Backoff({ firstDelayMs: 100, longestDelayMs: 300, mostEnds: 1, windowMs: 1000 });
    assert.equal(backoff.ended(0).kind, "restart");
    assert.equal(backoff.ended(5000).kind, "restart");
    backoff.reset();
    assert.equal(backoff.ended(5001).kind, "restart");
  });
});

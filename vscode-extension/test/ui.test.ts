import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LSPErrorCodes, ResponseError } from "vscode-languageclient/node";
import type { ModelInfo } from "../src/server/protocol.js";
import * as settings from "../src/settings.js";
import { Explainer } from "../src/ui/explainer.js";
import { ExplainPanel } from "../src/ui/explainPanel.js";
import { chooseEndpoint, chooseModel, chooseToFetch } from "../src/ui/models.js";
import { Problems } from "../src/ui/problems.js";
import { remediesFor, type Situation } from "../src/ui/remedies.js";
import { stub } from "./stub/state.js";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("the explanation's panel", () => {
  stub.commands.set("markdown.api.render", async (markdown) => {
    await sleep(20);
    if (markdown === "?") throw new Error("not rendered");
    return `<p>${String(markdown)}</p>`;
  });
  const opened = (panel: ExplainPanel): NonNullable<(typeof stub.panels)[number]> => {
    panel.open();
    const shown = stub.panels.at(-1);
    assert.ok(shown);
    return shown;
  };

  it("shows what it has when it is seen again", async () => {
    const panel = new ExplainPanel();
    const page = opened(panel);
    page.load();
    assert.deepEqual(page.posted, []);
    await panel.show("Складывает.");
    page.load();
    assert.deepEqual(page.posted, [{ html: "<p>Складывает.</p>" }, { html: "<p>Складывает.</p>" }]);
    panel.open();
    page.load();
    assert.equal(page.posted.length, 2, "what was said of another piece of code");
  });

  it("may be closed while a part is rendered", async () => {
    const panel = new ExplainPanel();
    const page = opened(panel);
    const drawing = panel.show("Скла");
    await sleep(5);
    page.dispose();
    await drawing;
    const again = opened(panel);
    await panel.show("Другое.");
    assert.deepEqual(again.posted, [{ html: "<p>Другое.</p>" }]);
  });

  it("does not show the last explanation in the next one's place", async () => {
    const panel = new ExplainPanel();
    const page = opened(panel);
    const drawing = panel.show("Первое.");
    await sleep(5);
    panel.open();
    await drawing;
    page.load();
    assert.deepEqual(page.posted, []);
  });

  it("goes on after a part that could not be rendered", async () => {
    const panel = new ExplainPanel();
    const page = opened(panel);
    await assert.rejects(panel.show("?"), /not rendered/);
    await panel.show("Всё.");
    assert.deepEqual(page.posted, [{ html: "<p>Всё.</p>" }]);
  });
});

describe("an explanation that is called off", () => {
  const explained = async (part: string): Promise<unknown[]> => {
    const explainer: Explainer = new Explainer((argument) => {
      explainer.onPartial({ token: (argument as { partialToken: string }).partialToken, text: part, done: false });
      return sleep(50).then(() => Promise.reject(new ResponseError(LSPErrorCodes.RequestCancelled, "")));
    });
    await explainer.explain({});
    return stub.panels.at(-1)?.posted ?? [];
  };

  it("is not waited for any more, and keeps what has come of it", async () => {
    assert.deepEqual(await explained(""), [{ html: "<p>There is no explanation.</p>" }]);
    assert.deepEqual(await explained("Скла"), [{ html: "<p>Скла</p>" }]);
  });
});

describe("a setting", () => {
  it("is written where the one that counts is set", async () => {
    const inUser: Record<string, unknown> = stub.settings.user;
    const inWorkspace: Record<string, unknown> = stub.settings.workspace;
    Object.assign(inUser, { automatic: true });
    Object.assign(inWorkspace, { automatic: true });
    await settings.write("automatic", false);
    assert.deepEqual([inUser, inWorkspace], [{ automatic: true }, { automatic: false }]);
    assert.equal(settings.read().automatic, false);
    Reflect.deleteProperty(inWorkspace, "automatic");
    await settings.write("automatic", false);
    assert.deepEqual([inUser, inWorkspace], [{ automatic: false }, {}]);
  });
});

describe("models", () => {
  const model = (id: string, rest: Partial<ModelInfo> = {}): ModelInfo => ({
    id, title: id, installed: false, current: null, sizeBytes: 5e8, licence: "MIT", source: `https://example.org/${id}`, ...rest,
  });
  const titles = (items: readonly unknown[]): string[] => items.map((item) => (item as { label: string }).label);

  it("are all offered where the settings name none of them, and none is marked", async () => {
    let seen: string[] = [];
    stub.pick = (items) => { seen = titles(items); return undefined; };
    await chooseModel([model("a", { installed: true }), model("b")]);
    assert.deepEqual(seen.slice(0, 2), ["$(circle-outline) a", "$(cloud-download) b"]);
    assert.equal(seen.length, 6);
  });

  it("are fetched only after their size, licence and source were shown", async () => {
    stub.messages.length = 0;
    stub.presses = ["Download"];
    const wanted = model("b", { current: true });
    assert.equal(await chooseToFetch([model("a"), wanted]), wanted);
    assert.equal(stub.messages[0]?.detail, "Size 500 MB, licence MIT. From https://example.org/b.");
    assert.equal(await chooseToFetch([wanted]), undefined, "not agreed to");
    await chooseToFetch([model("c", { current: true, source: "" })]);
    assert.equal(stub.messages.at(-1)?.detail, "Size 500 MB, licence MIT.");
  });

  it("are chosen among those that are missing where the one in use is here", async () => {
    let seen: string[] = [];
    stub.pick = (items) => { seen = titles(items); return items[1]; };
    stub.presses = ["Download"];
    const fetched = await chooseToFetch([model("a", { installed: true, current: true }), model("b"), model("c")]);
    assert.deepEqual(seen, ["$(cloud-download) b", "$(cloud-download) c"]);
    assert.equal(fetched?.id, "c");
    stub.messages.length = 0;
    assert.equal(await chooseToFetch([model("a", { installed: true, current: true })]), undefined);
    assert.match(stub.messages[0]?.text ?? "", /nothing to download/);
  });
});

describe("the buttons of a message", () => {
  const first = (situation: Partial<Situation>): string | undefined =>
    remediesFor({ stage: "running", hasEndpoint: false, engine: "cpu", code: undefined, ...situation })[0];

  it("help with what is wrong", () => {
    assert.equal(first({}), "chooseModel");
    assert.equal(first({ engine: undefined }), "chooseModel");
    assert.equal(first({ engine: "none" }), "installEngine");
    assert.equal(first({ engine: "none", hasEndpoint: true }), "changeAddress");
    assert.equal(first({ hasEndpoint: true, code: "engine_unauthorized" }), "setKey");
    assert.equal(first({ stage: "notInstalled" }), "install");
    assert.equal(first({ stage: "failed" }), "restart");
    assert.equal(first({ stage: "outdated" }), "restart");
    assert.equal(first({ stage: "starting" }), "showLog");
  });
});

describe("a setting of another type", () => {
  it("counts as not set, as in the server", () => {
    const inUser: Record<string, unknown> = stub.settings.user;
    const before = { ...inUser };
    Object.assign(inUser, { python: null, serverPython: 3, wheelsFolder: {}, endpoint: null, engineBuild: "gpu", automatic: null, language: null });
    const found = settings.read();
    for (const name of Object.keys(inUser)) Reflect.deleteProperty(inUser, name);
    Object.assign(inUser, before);
    assert.deepEqual(found, {
      python: "", serverPython: "", wheelsFolder: "", endpoint: "", engineBuild: "auto", automatic: true, language: "auto",
    });
  });
});

describe("the address of a server", () => {
  it("may have spaces around it where it was pasted", async () => {
    stub.input = " http://127.0.0.1:8080 ";
    assert.equal(await chooseEndpoint(), true);
    assert.equal(stub.settings.user.endpoint, "http://127.0.0.1:8080");
    stub.input = "127.0.0.1:8080";
    assert.equal(await chooseEndpoint(), false);
    Reflect.deleteProperty(stub.settings.user, "endpoint");
    stub.input = undefined;
  });
});

describe("a button of a message", () => {
  it("says why where it does not work", async () => {
    stub.messages.length = 0;
    stub.presses = ["Open"];
    new Problems().tell("wrong", [{ title: "Open", run: () => Promise.reject(new Error("the settings cannot be written")) }]);
    await sleep(20);
    assert.deepEqual(stub.messages.map(({ text }) => text), ["wrong", "the settings cannot be written"]);
  });
});

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, it } from "node:test";

type Texts = Record<string, string>;

const readJson = (file: string): unknown => JSON.parse(fs.readFileSync(file, "utf8"));
const sources = (folder: string): string[] =>
  fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? sources(file) : [fs.readFileSync(file, "utf8")];
  });
const bundle = readJson("l10n/bundle.l10n.ru.json") as Texts;

/** Texts given to `t` as literals, and those that status views and commands name for it. */
const used = sources("src").flatMap((source) => [
  ...[...source.matchAll(/\bt\(\s*"((?:[^"\\]|\\.)*)"/g)].map((found) => found[1] ?? ""),
  ...[...source.matchAll(/\bview\([^"]*(?:"[^"]*")?,? ?"((?:Kodopis|\{0\})[^"]*)"/g)].map((found) => found[1] ?? ""),
]);

describe("texts for users", () => {
  it("are all there in Russian", () => {
    assert.ok(used.length > 60, `${used.length} texts found`);
    assert.deepEqual([...new Set(used)].filter((text) => !(text in bundle)), []);
  });

  it("are Russian, with the same places for values", () => {
    const places = (text: string): string[] => [...text.matchAll(/\{\d+\}/g)].map(([place]) => place).sort();
    for (const [english, russian] of Object.entries(bundle)) {
      assert.deepEqual(places(russian), places(english), english);
      assert.ok(/[а-яё]/i.test(russian) || /^[^a-z]*$/i.test(russian) || english.startsWith("{0}"), russian);
    }
  });

  it("of package.json are there in both languages", () => {
    const english = readJson("package.nls.json") as Texts;
    const russian = readJson("package.nls.ru.json") as Texts;
    const asked = [...fs.readFileSync("package.json", "utf8").matchAll(/"%([\w.]+)%"/g)].map((found) => found[1] ?? "");
    assert.deepEqual(Object.keys(english).sort(), Object.keys(russian).sort());
    assert.deepEqual([...new Set(asked)].filter((key) => !(key in english)), []);
  });
});

describe("package.json", () => {
  interface Setting {
    scope: string;
    enumDescriptions?: string[];
  }
  interface Manifest {
    contributes: {
      commands: { command: string; enablement?: string }[];
      configuration: { properties: Record<string, Setting> }[];
    };
    capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  }
  const manifest = readJson("package.json") as Manifest;
  const settings = Object.assign({}, ...manifest.contributes.configuration.map(({ properties }) => properties)) as Record<string, Setting>;

  it("keeps what leads to a program or a server out of a workspace's hands", () => {
    for (const name of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations) {
      assert.equal(settings[name]?.scope, "machine", name);
    }
  });

  it("has Markdown only where VS Code reads it as such", () => {
    for (const file of ["package.nls.json", "package.nls.ru.json"]) {
      const texts = readJson(file) as Texts;
      const plain = Object.values(settings).flatMap(({ enumDescriptions = [] }) => enumDescriptions.map((key) => texts[key.slice(1, -1)] ?? key));
      assert.ok(plain.length > 0);
      assert.deepEqual(plain.filter((text) => text.includes("`")), []);
    }
  });

  it("offers in notebooks whatever it offers in files", () => {
    // In a notebook resourceLangId is the notebook's own, and the palette does not see the cell's editorLangId.
    const conditions = manifest.contributes.commands.map(({ enablement }) => enablement ?? "").filter((when) => when.includes("LangId"));
    assert.ok(conditions.length >= 6);
    for (const when of conditions) {
      assert.match(when, /^\(?resourceLangId == python \|\| editorLangId == python \|\| activeEditor == 'workbench.editor.notebook'(?:\) && !editorReadonly)?$/);
    }
  });

  it("names exactly the commands that are registered", () => {
    const source = fs.readFileSync("src/commands.ts", "utf8");
    const handlers = source.slice(source.indexOf("const handlers"), source.indexOf("return Object.entries"));
    const registered = [...handlers.matchAll(/^ {4}(\w+): /gm)].map((found) => `kodopis.${found[1] ?? ""}`);
    assert.deepEqual(registered.sort(), manifest.contributes.commands.map(({ command }) => command).sort());
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addVariants, begin, finish, grow, isWorthDrawing, judge, suggestions, type Arrived, type GhostSession } from "../src/ghost/session.js";

const URI = "file:///a.py";
const asked = { line: 3, character: 4 };
const arrived = (text: string, lead = "", kept?: number): Arrived => ({ text, lead, kept });
const waiting = begin(URI, asked, "    ");
const growing = grow(waiting, arrived("    total = 0\n    for"), false);
const done = grow(growing, arrived("    total = 0\n    for x in xs:\n        total += x\n"), true);

const shown = (session: GhostSession, typed: string, line: number): string[] => {
  const last = typed.split("\n").at(-1) ?? "";
  return suggestions(session, typed, { line, character: last.length }, 0).map(({ text }) => text);
};

describe("an answer that grows", () => {
  it("shows nothing before anything has come", () => {
    assert.deepEqual(shown(waiting, "    ", 3), []);
    assert.equal(judge(waiting, "    "), "ahead");
  });

  it("shows what has come, and more later", () => {
    assert.deepEqual(shown(growing, "    ", 3), ["    total = 0\n    for"]);
    assert.deepEqual(shown(done, "    ", 3), ["    total = 0\n    for x in xs:\n        total += x"]);
  });

  it("keeps what has grown where the final answer is empty", () => {
    assert.deepEqual(shown(finish(growing, []), "    ", 3), ["    total = 0\n    for"]);
  });

  it("has nothing to show where nothing came at all", () => {
    const empty = finish(waiting, []);
    assert.deepEqual(shown(empty, "    ", 3), []);
    assert.equal(judge(empty, "    x"), "differs");
  });

  it("starts with the line where the item starts at the cursor", () => {
    const session = grow(begin(URI, { line: 0, character: 4 }, "x = "), arrived("sum(xs)", "x = "), true);
    assert.deepEqual(suggestions(session, "x = ", { line: 0, character: 4 }, 0), [
      { text: "x = sum(xs)", start: { line: 0, character: 0 }, end: { line: 0, character: 4 } },
    ]);
  });
});

describe("what stands behind the cursor", () => {
  const line = "# верни сумму";
  const cursor = { line: 0, character: 8 };
  const asking = begin(URI, cursor, line.slice(0, 8));
  const behind = line.length - 8;
  const end = (session: GhostSession, typed = line.slice(0, 8), nBehind = behind): number | undefined =>
    suggestions(session, typed, { line: 0, character: typed.length }, nBehind)[0]?.end.character;

  it("is replaced as far as the server's range goes", () => {
    const answer = `${line}\nreturn sum(xs)`;
    assert.equal(end(grow(asking, arrived(answer, "", 0), false)), line.length);
    assert.equal(end(finish(asking, [arrived(answer, "", 2)])), line.length - 2);
    assert.equal(end(finish(asking, [arrived(answer)])), 8);
  });

  it("is still replaced when nothing new is told of it, in variants too", () => {
    const session = finish(grow(asking, arrived(line, "", 0), false), [arrived(`${line}\npass`)]);
    assert.equal(end(session), line.length);
    const varied = addVariants(session, [arrived(`${line}\nreturn 1`)]);
    const [, other] = suggestions(varied, line.slice(0, 8), cursor, behind);
    assert.deepEqual(other, { text: `${line}\nreturn 1`, start: { line: 0, character: 0 }, end: { line: 0, character: line.length } });
  });

  it("stays the same while the user types before it", () => {
    const session = finish(begin(URI, { line: 0, character: 4 }, "x = "), [arrived("x = sum(xs) + 1", "", 4)]);
    assert.equal(end(session, "x = sum(", 5), 9); // x = sum(|) + 1: the bracket that the editor has closed goes
    assert.equal(end(session, "x = ", 2), 4);
  });
});

describe("drawing an answer while it grows", () => {
  it("shows the first line at once, and each further one", () => {
    assert.ok(isWorthDrawing("total = 0", { text: "", atMs: 0 }, 1));
    assert.ok(isWorthDrawing("total = 0\nprint(total)", { text: "total = 0", atMs: 0 }, 1));
  });

  it("shows part of a line only where the line takes long", () => {
    assert.ok(!isWorthDrawing("total = 0 +", { text: "total = 0", atMs: 0 }, 100));
    assert.ok(isWorthDrawing("total = 0 +", { text: "total = 0", atMs: 0 }, 600));
    assert.ok(!isWorthDrawing("total = 0", { text: "total = 0", atMs: 0 }, 600));
  });
});

describe("typing along an answer", () => {
  it("goes on while the typing says the same", () => {
    assert.equal(judge(growing, "    tot"), "agrees");
    assert.deepEqual(shown(growing, "    tot", 3), ["    total = 0\n    for"]);
  });

  it("may run ahead of what has come", () => {
    assert.equal(judge(growing, "    total = 0\n    for y"), "ahead");
    assert.equal(judge(done, "    total = 0\n    for y"), "differs");
  });

  it("shows the rest of the line the cursor is on", () => {
    const [item] = suggestions(done, "    total = 0\n    for", { line: 4, character: 7 }, 0);
    assert.deepEqual(item, {
      text: "    for x in xs:\n        total += x",
      start: { line: 4, character: 0 },
      end: { line: 4, character: 7 },
    });
  });

  it("ends when everything is typed or accepted", () => {
    assert.equal(judge(done, "    total = 0\n    for x in xs:\n        total += x"), "used");
  });

  it("ends when something else is typed", () => {
    assert.equal(judge(growing, "    print"), "differs");
    assert.equal(judge(done, "    print"), "differs");
  });

  it("compares texts whatever their line ends", () => {
    assert.equal(judge(done, "    total = 0\r\n    for"), "agrees");
    assert.deepEqual(shown(grow(waiting, arrived("    a = 1\r\n    b = 2"), true), "    ", 3), ["    a = 1\n    b = 2"]);
  });

  it("goes on with an answer that leaves out what was typed", () => {
    const rest = grow(growing, arrived("    for x in xs:\n        pass", "    total = 0\r\n"), true);
    assert.deepEqual(shown(rest, "    total = 0\n    f", 4), ["    for x in xs:\n        pass"]);
  });

  it("bears that indentation is taken back", () => {
    assert.equal(judge(waiting, "  "), "ahead");
    assert.equal(judge(growing, ""), "agrees");
  });
});

describe("typing before anything has come", () => {
  it("waits while code is typed on the line", () => {
    assert.equal(judge(waiting, "    tot"), "ahead");
  });

  it("does not wait once a new line or another comment begins", () => {
    assert.equal(judge(waiting, "    \n"), "differs");
    assert.equal(judge(waiting, "    # ещё"), "differs");
  });
});

describe("variants", () => {
  const items = ["    pass", "    total = 0\n    for x in xs:\n        total += x", "    return 1", ""].map((text) => arrived(text));

  it("come after the first answer, each once, none empty", () => {
    assert.deepEqual(addVariants(done, items).answers, [...done.answers, "    pass", "    return 1"]);
  });

  it("are shown as far as they agree with the typing", () => {
    assert.deepEqual(shown(addVariants(done, items), "    p", 3), ["    pass"]);
  });
});

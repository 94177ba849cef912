import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Causes, type Caused } from "../src/ghost/causes.js";

describe("why VS Code asks", () => {
  const after = (...begun: Caused[]): Causes => {
    const causes = new Causes();
    for (const caused of begun) causes.begin(caused, 1);
    return causes;
  };

  it("is told once", () => {
    const causes = after("redraw");
    assert.equal(causes.claim(1), "redraw");
    assert.equal(causes.claim(1), undefined);
  });

  it("is the user, whatever we want at the same time", () => {
    assert.equal(after("byHand", "again").claim(1), "byHand");
    assert.equal(after("byHand", "redraw").claim(1), "byHand");
    assert.equal(after("again", "byHand").claim(1), "byHand");
    assert.equal(after("byHand").begin("again", 1), false);
  });

  it("is no drawing any more once the user has typed", () => {
    assert.equal(after("redraw").claim(2), "again");
    assert.equal(after("byHand").claim(2), "byHand");
  });

  it("is forgotten where VS Code did not ask", () => {
    const causes = after("again", "byHand");
    causes.end("again");
    assert.equal(causes.claim(1), "byHand");
    causes.begin("again", 1);
    causes.end("again");
    assert.equal(causes.claim(1), undefined);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EndpointKeys, originOf } from "../src/server/endpointKeys.js";

function store(): { secrets: ConstructorParameters<typeof EndpointKeys>[0]; kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const secrets = {
    get: (name: string) => Promise.resolve(kept.get(name)),
    store: (name: string, value: string) => Promise.resolve(void kept.set(name, value)),
    delete: (name: string) => Promise.resolve(void kept.delete(name)),
  };
  return { secrets, kept };
}

describe("the key of a model server", () => {
  it("is given for that server alone, under any path", async () => {
    const keys = new EndpointKeys(store().secrets);
    await keys.set("https://models.example:8443", "тайна");
    for (const endpoint of ["https://models.example:8443", "https://Models.example:8443/v1"]) {
      assert.deepEqual(await keys.for(endpoint), { endpoint, key: "тайна" });
    }
    const others = [
      "http://models.example:8443", "https://models.example", "https://other.example:8443", "http://127.0.0.1:8080",
      "https://models.example:8443@other.example", "", "нет",
    ];
    for (const endpoint of others) assert.equal(await keys.for(endpoint), undefined, endpoint);
  });

  it("may have spaces around it where it was pasted", async () => {
    const keys = new EndpointKeys(store().secrets);
    await keys.set("https://a.example", " a\n");
    assert.equal((await keys.for("https://a.example"))?.key, "a");
    await keys.set("https://a.example", " ");
    assert.equal(await keys.for("https://a.example"), undefined);
  });

  it("does not take the place of another server's, and can be forgotten", async () => {
    const keys = new EndpointKeys(store().secrets);
    await keys.set("https://a.example", "a");
    await keys.set("https://b.example", "b");
    await keys.set("https://a.example", "");
    assert.equal(await keys.for("https://a.example"), undefined);
    assert.equal((await keys.for("https://b.example"))?.key, "b");
  });

  it("that was kept for all servers goes to none", async () => {
    const { secrets, kept } = store();
    kept.set("kodopis.endpointKey", "старая");
    const keys = new EndpointKeys(secrets);
    assert.equal(await keys.for("https://models.example"), undefined);
    await keys.forgetShared();
    assert.equal(kept.size, 0);
  });

  it("belongs to an address of http or https", () => {
    assert.equal(originOf("https://models.example:443/v1/"), "https://models.example");
    assert.equal(originOf("http://[::1]:8080"), "http://[::1]:8080");
    for (const address of ["", "models.example", "ftp://models.example", "https://"]) assert.equal(originOf(address), undefined);
  });
});

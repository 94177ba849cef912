/** Keys of model servers, in the editor's secret store: each goes only to the server that it was entered for. */

import type { SecretStorage } from "vscode";

const SECRET = "kodopis.endpointKey";

/** A key, and the address that it may be sent to. */
export interface EndpointKey {
  readonly endpoint: string;
  readonly key: string;
}

export class EndpointKeys {
  constructor(private readonly secrets: Pick<SecretStorage, "get" | "store" | "delete">) {}

  /** The key for an address, where one was entered for its server. */
  async for(endpoint: string): Promise<EndpointKey | undefined> {
    const origin = originOf(endpoint);
    const key = origin === undefined ? undefined : await this.secrets.get(nameOf(origin));
    return key === undefined ? undefined : { endpoint, key };
  }

  /** Keep the key of a server; an empty one is forgotten. */
  async set(origin: string, key: string): Promise<void> {
    const trimmed = key.trim();
    await (trimmed === "" ? this.secrets.delete(nameOf(origin)) : this.secrets.store(nameOf(origin), trimmed));
  }

  /** Earlier versions kept one key for whatever address was set: nobody knows which server may have it. */
  async forgetShared(): Promise<void> {
    await this.secrets.delete(SECRET);
  }
}

/** Scheme, host and port of an address; undefined where it is none. */
export function originOf(endpoint: string): string | undefined {
  return /^https?:/i.test(endpoint) && URL.canParse(endpoint) ? new URL(endpoint).origin : undefined;
}

function nameOf(origin: string): string {
  return `${SECRET}:${origin}`;
}

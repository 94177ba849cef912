/** Keeps one server running: starts, restarts coalesced, back-off after crashes, gives up with one message. */

import type * as vscode from "vscode";
import { State, type LanguageClient } from "vscode-languageclient/node";
import { Backoff } from "./backoff.js";

export interface SupervisorEvents {
  /** Make a client to start; undefined where nothing is installed to start it from. */
  create(): Promise<LanguageClient | undefined>;
  onStarting(): void;
  onRunning(): void;
  /** It will not be tried again until the user asks. */
  onGaveUp(error: unknown): void;
}

export class Supervisor {
  private client: LanguageClient | undefined;
  private readonly backoff = new Backoff();
  private timer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private isWanted = false;
  private isQueued = false;
  /** A process that dies while it starts is heard of twice: as a closed connection and as a failed start. */
  private readonly over = new WeakSet<LanguageClient>();

  constructor(private readonly events: SupervisorEvents, private readonly log: vscode.LogOutputChannel) {}

  /** The client, while it runs. */
  get running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  /** Start, or start anew. Calls that come while one is waiting to begin are the same call. */
  restart(): Promise<void> {
    this.backoff.reset();
    return this.begin();
  }

  /** Stop and stay down. */
  stop(): Promise<void> {
    this.isWanted = false;
    this.isQueued = false; // a start that is asked for from now on comes after this
    clearTimeout(this.timer);
    this.abandonStart();
    this.work = this.work.then(() => this.takeDown());
    return this.work;
  }

  /** A client's process has ended by itself. One that failed to start may be heard of when another runs already. */
  ended(client: LanguageClient, error?: unknown): void {
    if (this.isCalledOff() || client !== this.client || this.over.has(client)) return;
    this.over.add(client);
    const decision = this.backoff.ended(Date.now());
    if (decision.kind === "giveUp") {
      this.isWanted = false;
      this.events.onGaveUp(error);
      return;
    }
    this.log.warn(`the server ended; starting it again in ${decision.delayMs} ms`);
    this.events.onStarting();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.begin(), decision.delayMs);
  }

  private begin(): Promise<void> {
    this.isWanted = true;
    clearTimeout(this.timer);
    if (!this.isQueued) {
      this.isQueued = true;
      this.abandonStart();
      this.work = this.work.then(() => this.bringUp());
    }
    return this.work;
  }

  private async bringUp(): Promise<void> {
    await this.takeDown();
    this.isQueued = false;
    if (!this.isWanted) return;
    let client: LanguageClient | undefined;
    try {
      client = await this.events.create();
    } catch (error) {
      this.isWanted = this.isQueued;
      this.events.onGaveUp(error);
      return;
    }
    if (client === undefined) {
      this.isWanted = this.isQueued;
      return;
    }
    // Stopped or asked for anew meanwhile: whoever waits would wait for a start that may never end.
    if (this.isCalledOff()) return;
    this.events.onStarting();
    this.client = client;
    try {
      await client.start();
      this.events.onRunning();
    } catch (error) {
      this.log.error("the server did not start", String(error));
      // A process that could not be run at all does not close a connection.
      this.ended(client, error);
    }
  }

  private isCalledOff(): boolean {
    return !this.isWanted || this.isQueued;
  }

  /** A server that never answers would keep whatever comes next waiting: its process is ended, and its start fails. */
  private abandonStart(): void {
    if (this.client?.state !== State.Starting) return;
    this.client.dispose(2000).catch((error: unknown) => { this.log.debug("ending a start", String(error)); });
  }

  private async takeDown(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    if (client === undefined) return;
    try {
      await client.dispose(2000);
    } catch (error) {
      this.log.debug("stopping the server", String(error));
    }
  }
}

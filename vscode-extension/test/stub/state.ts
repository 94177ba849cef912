/** What a test sees of the stand-in for VS Code, and what it decides. */

type Listener<T> = (event: T) => unknown;

export class EventEmitter<T> {
  private readonly listeners: Listener<T>[] = [];
  readonly event = (listener: Listener<T>): { dispose(): void } => {
    this.listeners.push(listener);
    return { dispose: () => undefined };
  };
  fire(event: T): void {
    for (const listener of this.listeners) listener(event);
  }
  dispose(): void {
    this.listeners.length = 0;
  }
}

/** A web view. `load` is what VS Code does with its page when it is seen. */
export class Panel {
  title = "";
  private readonly received = new EventEmitter<unknown>();
  private readonly disposed = new EventEmitter<unknown>();
  private isOpen = true;
  readonly posted: unknown[] = [];
  private readonly view = {
    html: "",
    postMessage: (message: unknown): Promise<boolean> => Promise.resolve(this.posted.push(message) > 0),
    onDidReceiveMessage: this.received.event,
  };
  readonly onDidDispose = this.disposed.event;
  get webview(): typeof this.view {
    if (!this.isOpen) throw new Error("Webview is disposed");
    return this.view;
  }
  reveal(): void { /* it is not drawn */ }
  load(): void {
    this.received.fire("loaded");
  }
  dispose(): void {
    this.isOpen = false;
    this.disposed.fire(undefined);
  }
}

interface Message {
  readonly text: string;
  readonly detail: string | undefined;
  readonly buttons: readonly string[];
}

export const stub = {
  contexts: new Map<string, unknown>(),
  panels: [] as Panel[],
  messages: [] as Message[],
  /** Titles of the buttons that are pressed, one for each message that has it. */
  presses: [] as string[],
  /** Which of a list's items is taken. */
  pick: (items: readonly unknown[]): unknown => items[0],
  /** Whether progress is called off as soon as it is shown. */
  cancelsProgress: false,
  commands: new Map<string, (...args: unknown[]) => unknown>(),
  settings: { user: {} as Record<string, unknown>, workspace: {} as Record<string, unknown> },
  selected: new EventEmitter<unknown>(),
  configured: new EventEmitter<unknown>(),
  /** The editor that has the focus. */
  activeEditor: undefined as unknown,
  /** What the input box is answered with, where its own check lets that pass. */
  input: undefined as string | undefined,
  diagnostics: [] as unknown[],
  shows: (): unknown => undefined,
};

/** Where VS Code comes in. */

import * as vscode from "vscode";
import { registerCommands } from "./commands.js";
import { setLanguage } from "./l10n.js";
import { Session } from "./session.js";
import { read } from "./settings.js";

let session: Session | undefined;

/** Set everything up; the server starts on its own time. */
export function activate(context: vscode.ExtensionContext): void {
  const begun = performance.now();
  const log = vscode.window.createOutputChannel("Kodopis", { log: true });
  setLanguage(read().language, vscode.env.language, context.extensionPath);
  session = new Session(context, log);
  context.subscriptions.push(log, session, ...registerCommands(session));
  void session.supervisor.restart();
  log.info(`activated in ${(performance.now() - begun).toFixed(0)} ms`);
}

/** End the server with the window. The engine goes on for other windows, and ends by itself when nobody needs it. */
export async function deactivate(): Promise<void> {
  await session?.supervisor.stop();
}

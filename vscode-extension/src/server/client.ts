/**
 * The language client of one server process: how it is started, what it asks the server for, and what goes through our hands.
 *
 * Owns: process options, capabilities, middleware. Does not own: when a client is started or started again (`supervisor`).
 */

import * as vscode from "vscode";
import {
  CancellationToken,
  CloseAction,
  ErrorAction,
  LanguageClient,
  MessageType,
  RevealOutputChannelOn,
  ShowMessageNotification,
  State,
  TransportKind,
  WorkDoneProgressCancelNotification,
  type ExecuteCommandSignature,
  type LanguageClientOptions,
  type ServerOptions,
  type StaticFeature,
} from "vscode-languageclient/node";
import { pythonEnv } from "../environment/run.js";
import type { GhostController } from "../ghost/controller.js";
import { SECTION } from "../settings.js";
import { WorkProgress } from "../ui/workProgress.js";
import type { EndpointKey } from "./endpointKeys.js";
import { PARTIAL, STATUS, type PartialParams, type StatusParams } from "./protocol.js";
import { showEdited } from "./requests.js";

/** What a client needs from the rest of the extension. */
export interface Surroundings {
  readonly python: string;
  /** Where the process runs: never the workspace, whose modules would be imported in place of the server's. */
  readonly folder: string;
  readonly endpointKey: EndpointKey | undefined;
  readonly language: "ru" | "en";
  readonly log: vscode.LogOutputChannel;
  readonly ghost: GhostController;
  onStatus(status: StatusParams): void;
  /** The server has a message about something that went wrong. */
  onProblem(text: string, isWarning: boolean): void;
  onPartial(params: PartialParams): void;
  onEnded(): void;
  runCommand(command: string, args: unknown[], next: ExecuteCommandSignature): Promise<unknown>;
}

const LANGUAGE = "python";

/** Asks for what is beyond the specification. */
const CAPABILITIES: StaticFeature = {
  fillClientCapabilities(capabilities) {
    capabilities.experimental = { ...(capabilities.experimental as object | undefined), kodopis: { partial: true, status: true } };
  },
  initialize() { /* nothing to set up */ },
  getState: () => ({ kind: "static" }),
  clear() { /* nothing to let go of */ },
};

/** Logs what goes wrong with the connection; the user hears of it from the supervisor, once and with buttons. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** Make a client; it is not started yet. */
export function createClient(around: Surroundings): LanguageClient {
  const work = new WorkProgress((token) => void client.sendNotification(WorkDoneProgressCancelNotification.type, { token }));
  const client: LanguageClient = new QuietClient(SECTION, "Kodopis", serverOptions(around), clientOptions(around, work));
  client.onDidChangeState(({ newState }) => { if (newState === State.Stopped) work.clear(); });
  client.registerFeature(CAPABILITIES);
  client.onNotification(STATUS, (status: StatusParams) => { around.onStatus(status); });
  client.onNotification(PARTIAL, (params: PartialParams) => { around.onPartial(params); });
  // Takes the place of the client's own handler, whose messages have no buttons.
  client.onNotification(ShowMessageNotification.type, ({ type, message }) => {
    if (type === MessageType.Error || type === MessageType.Warning) around.onProblem(message, type === MessageType.Warning);
    else void vscode.window.showInformationMessage(message);
  });
  return client;
}

function serverOptions({ python, folder, endpointKey, language }: Surroundings): ServerOptions {
  const env = {
    ...pythonEnv(),
    PYTHONSAFEPATH: "1",
    KODOPIS_LANG: language,
    // The server hears of another address before it can be started anew without this key.
    ...(endpointKey === undefined ? {} : { KODOPIS_API_KEY: endpointKey.key, KODOPIS_API_KEY_ENDPOINT: endpointKey.endpoint }),
  };
  return { command: python, args: ["-m", "lsp_server", "serve"], transport: TransportKind.stdio, options: { cwd: folder, env } };
}

function clientOptions(around: Surroundings, work: WorkProgress): LanguageClientOptions {
  const { log, ghost } = around;
  return {
    documentSelector: [
      { language: LANGUAGE, scheme: "file" },
      { language: LANGUAGE, scheme: "untitled" },
      { language: LANGUAGE, notebook: "*" },
    ],
    outputChannel: log,
    traceOutputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationFailedHandler: (error: unknown) => {
      log.error("initialize failed", String(error));
      return false;
    },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        around.onEnded();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      provideInlineCompletionItems: (document, position, context, token) => ghost.provide(document, position, context, token),
      // Ghost text says the same: a second copy among the words of the list would only be in the way.
      provideCompletionItem: () => null,
      handleWorkDoneProgress: (token, params, next) => {
        work.take(token, params);
        if (params.kind === "end") next(token, params);
      },
      workspace: {
        handleApplyEdit: async (params, next) => {
          const result = await next(params, CancellationToken.None);
          if (!(result instanceof Error) && "applied" in result && result.applied) await showEdited(params.edit);
          return result;
        },
      },
      executeCommand: (command, args: unknown[], next) => around.runCommand(command, args, next),
    },
  };
}

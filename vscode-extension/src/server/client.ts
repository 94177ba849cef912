/**
 * The language client of one server process: how it is started, what it asks the server for, and what goes through our hands.
 *
 * Owns: process options, capabilities, middleware. Does not own: when a client is started or started again (`supervisor`).
 */

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  ExecuteCommandRequest,
  InlineCompletionRequest,
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
import type { GhostController, Item } from "../ghost/controller.js";
import { SECTION } from "../settings.js";
import { WorkProgress } from "../ui/workProgress.js";
import { PARTIAL, STATUS, type PartialParams, type ServerCommand, type ServerResults, type StatusParams } from "./protocol.js";

/** What a client needs from the rest of the extension. */
export interface Surroundings {
  readonly python: string;
  /** Where the process runs: never the workspace, whose modules would be imported in place of the server's. */
  readonly folder: string;
  readonly endpointKey: string | undefined;
  readonly language: "ru" | "en";
  readonly log: vscode.LogOutputChannel;
  readonly ghost: GhostController;
  onStatus(status: StatusParams): void;
  /** The server has a message about something that went wrong. */
  onProblem(text: string): void;
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

/** Make a client; it is not started yet. */
export function createClient(around: Surroundings): LanguageClient {
  const work = new WorkProgress((token) => void client.sendNotification(WorkDoneProgressCancelNotification.type, { token }));
  const client: LanguageClient = new LanguageClient(SECTION, "Kodopis", serverOptions(around), clientOptions(around, work));
  client.onDidChangeState(({ newState }) => { if (newState === State.Stopped) work.clear(); });
  client.registerFeature(CAPABILITIES);
  client.onNotification(STATUS, (status: StatusParams) => { around.onStatus(status); });
  client.onNotification(PARTIAL, (params: PartialParams) => { around.onPartial(params); });
  // Takes the place of the client's own handler, whose messages have no buttons.
  client.onNotification(ShowMessageNotification.type, ({ type, message }) => {
    if (type === MessageType.Error || type === MessageType.Warning) around.onProblem(message);
    else void vscode.window.showInformationMessage(message);
  });
  return client;
}

function serverOptions({ python, folder, endpointKey, language }: Surroundings): ServerOptions {
  const env = {
    ...pythonEnv(),
    PYTHONSAFEPATH: "1",
    KODOPIS_LANG: language,
    ...(endpointKey === undefined ? {} : { KODOPIS_API_KEY: endpointKey }),
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
      executeCommand: (command, args: unknown[], next) => around.runCommand(command, args, next),
    },
  };
}

/** Ask for the code at a place. */
export async function requestInline(
  client: LanguageClient,
  document: vscode.TextDocument,
  position: vscode.Position,
  isInvoked: boolean,
  token: vscode.CancellationToken,
): Promise<Item[]> {
  const params = client.code2ProtocolConverter.asInlineCompletionParams(document, position, {
    triggerKind: isInvoked ? vscode.InlineCompletionTriggerKind.Invoke : vscode.InlineCompletionTriggerKind.Automatic,
    selectedCompletionInfo: undefined,
  });
  const result = await client.sendRequest(InlineCompletionRequest.type, params, token);
  const items = result === null ? [] : Array.isArray(result) ? result : result.items;
  return items.map(({ insertText, range }) => ({
    text: typeof insertText === "string" ? insertText : insertText.value,
    start: range?.start,
  }));
}

/** Run a command of the server. */
export async function runServerCommand<Name extends ServerCommand>(
  client: LanguageClient,
  command: Name,
  argument: object,
  token?: vscode.CancellationToken,
): Promise<ServerResults[Name]> {
  const params = { command, arguments: [argument] };
  const result: unknown = await (token ? client.sendRequest(ExecuteCommandRequest.type, params, token) : client.sendRequest(ExecuteCommandRequest.type, params));
  return result as ServerResults[Name];
}

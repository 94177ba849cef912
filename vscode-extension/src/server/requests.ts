/** What is asked of the server, and what it asks of the editor beyond the language client's own way. */

import * as vscode from "vscode";
import { ExecuteCommandRequest, InlineCompletionRequest, type LanguageClient, type WorkspaceEdit } from "vscode-languageclient/node";
import type { Item } from "../ghost/controller.js";
import type { ServerCommand, ServerResults } from "./protocol.js";

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
    end: range?.end,
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

/** Ask for different answers at a place. */
export async function requestVariants(
  client: LanguageClient,
  document: vscode.TextDocument,
  position: vscode.Position,
  token: vscode.CancellationToken,
): Promise<Item[]> {
  const { code2ProtocolConverter: code } = client;
  const argument = { textDocument: code.asTextDocumentIdentifier(document), position: code.asPosition(position), count: 3 };
  const { items } = await runServerCommand(client, "kodopis.variants", argument, token);
  return items.map(({ insertText, range }) => ({ text: insertText, start: range?.start, end: range?.end }));
}

/** Show the file that an edit is in, where it is not on screen: a new file of tests, mostly. */
export async function showEdited({ changes, documentChanges }: WorkspaceEdit): Promise<void> {
  const edited = documentChanges?.flatMap((change) => ("textDocument" in change ? [change.textDocument.uri] : [])) ?? Object.keys(changes ?? {});
  const visible = vscode.window.visibleTextEditors.map(({ document }) => document.uri.toString());
  const hidden = edited.map((uri) => vscode.Uri.parse(uri)).find((uri) => !visible.includes(uri.toString()));
  // Where VS Code cannot, the edit is made all the same, and is not to be told to the server as failed.
  if (hidden) await vscode.window.showTextDocument(hidden, { preview: false }).then(undefined, () => undefined);
}

/** Telling what went wrong from what was called off, and from what ended with the server. */

import { CancellationError } from "vscode";
import { ConnectionError, ErrorCodes, LSPErrorCodes, ResponseError } from "vscode-languageclient/node";

const CALLED_OFF: readonly number[] = [LSPErrorCodes.RequestCancelled, LSPErrorCodes.ServerCancelled, LSPErrorCodes.ContentModified];
const CONNECTION_GONE: readonly number[] = [ErrorCodes.PendingResponseRejected, ErrorCodes.ConnectionInactive, ErrorCodes.MessageWriteError];

/** Whether a request ended because somebody wanted it to. */
export function isCancellation(error: unknown): boolean {
  return error instanceof CancellationError || hasCode(error, CALLED_OFF);
}

/** Whether a request ended because the server did; it is started again, and the user hears of it where it is not. */
export function isDisconnection(error: unknown): boolean {
  return error instanceof ConnectionError || hasCode(error, CONNECTION_GONE);
}

/** The server's stable name of what went wrong, where it gave one: see docs/protocol.md. */
export function codeOf(error: unknown): string | undefined {
  const data: unknown = error instanceof ResponseError ? error.data : undefined;
  const code: unknown = typeof data === "object" && data !== null && "code" in data ? data.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function hasCode(error: unknown, codes: readonly number[]): boolean {
  return error instanceof ResponseError && codes.includes(error.code);
}

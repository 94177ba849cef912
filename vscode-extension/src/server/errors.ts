/** Telling what went wrong from what was called off. */

import { CancellationError } from "vscode";
import { LSPErrorCodes, ResponseError } from "vscode-languageclient/node";

const CALLED_OFF: readonly number[] = [LSPErrorCodes.RequestCancelled, LSPErrorCodes.ServerCancelled, LSPErrorCodes.ContentModified];

/** Whether a request ended because somebody wanted it to. */
export function isCancellation(error: unknown): boolean {
  return error instanceof CancellationError || (error instanceof ResponseError && CALLED_OFF.includes(error.code));
}

/** How the session went, on this machine only. */

import * as vscode from "vscode";
import { t } from "../l10n.js";
import type { Statistics } from "../server/protocol.js";

/** Show the numbers of this window's session. */
export async function showStatistics(numbers: Statistics): Promise<void> {
  const { shown, accepted, tokens, tokensPerSecond, cacheHits } = numbers;
  const lines = [
    t("Shown: {0}", shown),
    t("Accepted: {0} ({1} %)", accepted, shown === 0 ? 0 : Math.round((100 * accepted) / shown)),
    t("Tokens: {0}, {1} per second", tokens, tokensPerSecond.toFixed(1)),
    t("From the cache: {0}", cacheHits),
    t("These numbers never leave this computer."),
  ];
  await vscode.window.showInformationMessage(t("Kodopis in this window"), { modal: true, detail: lines.join("\n") });
}

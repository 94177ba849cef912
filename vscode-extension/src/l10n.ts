/** Texts for users. The English text is the key; `l10n/bundle.l10n.ru.json` holds the Russian ones. */

import * as fs from "node:fs";
import * as path from "node:path";

export type Language = "auto" | "ru" | "en";

let bundle: Readonly<Record<string, string>> = {};
let isRussian = false;

/**
 * Choose the language: `kodopis.language`, else VS Code's own. vscode.l10n cannot do it, as it knows only the latter,
 * and many who write Russian comments keep an English workbench.
 */
export function setLanguage(chosen: Language, editorLanguage: string, extensionPath: string): void {
  isRussian = chosen === "ru" || (chosen === "auto" && editorLanguage.toLowerCase().startsWith("ru"));
  if (isRussian && Object.keys(bundle).length === 0) {
    bundle = JSON.parse(fs.readFileSync(path.join(extensionPath, "l10n", "bundle.l10n.ru.json"), "utf8")) as Record<string, string>;
  }
}

/** The language that messages are in now. */
export function language(): "ru" | "en" {
  return isRussian ? "ru" : "en";
}

/** A text in the chosen language, with `{0}`, `{1}`… filled in. */
export function t(message: string, ...args: readonly (string | number)[]): string {
  const text = isRussian ? (bundle[message] ?? message) : message;
  return text.replace(/\{(\d+)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));
}

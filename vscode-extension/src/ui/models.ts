/** Choosing a model, and a running server in its place. */

import * as vscode from "vscode";
import { t } from "../l10n.js";
import type { ModelInfo } from "../server/protocol.js";
import * as settings from "../settings.js";

interface ModelPick extends vscode.QuickPickItem {
  readonly choice: { readonly kind: "model"; readonly model: ModelInfo } | { readonly kind: "auto" | "file" | "endpoint" | "none" };
}

/** Ask which model to use and remember it. Gives a model that has to be fetched first, and may be. */
export async function chooseModel(models: readonly ModelInfo[]): Promise<ModelInfo | undefined> {
  const picked = await vscode.window.showQuickPick(picks(models), { title: t("Model"), matchOnDescription: true });
  switch (picked?.choice.kind) {
    case "auto":
      await useModel("auto");
      return undefined;
    case "file":
      await chooseFile();
      return undefined;
    case "endpoint":
      await chooseEndpoint();
      return undefined;
    case "model": {
      const { model } = picked.choice;
      if (!model.installed && !(await mayFetch(model))) return undefined;
      await useModel(model.id);
      return model.installed ? undefined : model;
    }
    default:
      return undefined;
  }
}

/** Ask whether to fetch the model in use, else one of those that are not here. Gives the one that may be fetched. */
export async function chooseToFetch(models: readonly ModelInfo[]): Promise<ModelInfo | undefined> {
  const missing = models.filter((model) => !model.installed);
  if (missing.length === 0) {
    void vscode.window.showInformationMessage(t("There is nothing to download: every model of the list is on this machine."));
    return undefined;
  }
  const model = missing.find((one) => one.current) ?? (await pickToFetch(missing));
  return model && (await mayFetch(model)) ? model : undefined;
}

async function pickToFetch(models: readonly ModelInfo[]): Promise<ModelInfo | undefined> {
  const picked = await vscode.window.showQuickPick(models.map(pick), { title: t("Model"), matchOnDescription: true });
  return picked?.choice.kind === "model" ? picked.choice.model : undefined;
}

/** Ask for the address of a running server and remember it. Gives whether one was named. */
export async function chooseEndpoint(): Promise<boolean> {
  const { endpoint } = settings.read();
  const chosen = await vscode.window.showInputBox({
    title: t("Address of a llama.cpp server or an OpenAI-compatible one; empty: a model on this machine"),
    value: endpoint === "" ? "http://127.0.0.1:8080" : endpoint,
    ignoreFocusOut: true,
    validateInput: (value) => (/^(https?:\/\/\S+)?$/.test(value.trim()) ? undefined : t("An address begins with http:// or https://")),
  });
  if (chosen === undefined) return false;
  await settings.write("endpoint", chosen.trim());
  return chosen.trim() !== "";
}

async function chooseFile(): Promise<void> {
  const [file] = (await vscode.window.showOpenDialog({ title: t("Model file"), filters: { GGUF: ["gguf"] } })) ?? [];
  if (file) await useModel(file.fsPath);
}

/** A model on this machine: an address set before would win over it. */
async function useModel(model: string): Promise<void> {
  if (settings.read().endpoint !== "") await settings.write("endpoint", "");
  await settings.write("model", model);
}

async function mayFetch(model: ModelInfo): Promise<boolean> {
  const yes = t("Download");
  const from = model.source ? ` ${t("From {0}.", model.source)}` : "";
  const detail = t("Size {0}, licence {1}.", size(model.sizeBytes), model.licence) + from;
  const text = t("Download the model {0}?", model.title);
  return (await vscode.window.showInformationMessage(text, { modal: true, detail }, yes)) === yes;
}

function pick(model: ModelInfo): ModelPick {
  return {
    label: `$(${model.current ? "check" : model.installed ? "circle-outline" : "cloud-download"}) ${model.title}`,
    description: `${size(model.sizeBytes)}, ${model.licence}`,
    detail: model.installed ? (model.current ? t("in use") : t("on this machine")) : t("can be downloaded"),
    choice: { kind: "model", model },
  };
}

function picks(models: readonly ModelInfo[]): ModelPick[] {
  const separator: ModelPick = { label: "", kind: vscode.QuickPickItemKind.Separator, choice: { kind: "none" } };
  return [
    ...models.map(pick),
    separator,
    { label: `$(wand) ${t("Choose by this machine")}`, description: "auto", choice: { kind: "auto" } },
    { label: `$(file) ${t("GGUF file…")}`, choice: { kind: "file" } },
    { label: `$(remote) ${t("Running model server…")}`, choice: { kind: "endpoint" } },
  ];
}

function size(bytes: number): string {
  return bytes >= 1e9 ? t("{0} GB", (bytes / 1e9).toFixed(1)) : t("{0} MB", (bytes / 1e6).toFixed(0));
}

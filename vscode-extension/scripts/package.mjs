// Makes kodopis-VERSION.vsix: the server's wheel, the bundle, and what VS Code needs to know, in one file.
// PYTHON names the interpreter that builds the wheel; without it the project's .venv, else the one on PATH.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";

const here = path.resolve(import.meta.dirname, "..");
const root = path.resolve(here, "..");
const { version } = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8"));

const run = (command, args, cwd = here) => execFileSync(command, args, { cwd, stdio: "inherit" });

function python() {
  const own = process.platform === "win32" ? path.join(root, ".venv", "Scripts", "python.exe") : path.join(root, ".venv", "bin", "python");
  if (process.env.PYTHON) return process.env.PYTHON;
  return existsSync(own) ? own : process.platform === "win32" ? "python" : "python3";
}

// setuptools puts into a wheel whatever an earlier build left there, also modules that are gone since.
rmSync(path.join(root, "build", "lib"), { recursive: true, force: true });
rmSync(path.join(here, "wheel"), { recursive: true, force: true });
run(python(), ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", path.join(here, "wheel"), root]);
run(process.execPath, [path.join(here, "scripts", "build.mjs")]);
copyFileSync(path.join(root, "LICENSE"), path.join(here, "LICENSE"));
const vsce = path.join(here, "node_modules", "@vscode", "vsce", "vsce");
run(process.execPath, [vsce, "package", "--no-dependencies", "--allow-missing-repository", "--out", `kodopis-${version}.vsix`]);

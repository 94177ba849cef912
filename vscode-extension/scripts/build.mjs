// Bundles the extension into dist/extension.js; with --tests, each test into dist/test/ for node's own test runner,
// with the little of VS Code that test/stub/ has.

import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const LARGEST_BUNDLE_BYTES = 600 * 1024;

if (process.argv.includes("--tests")) {
  await build({
    entryPoints: readdirSync("test").filter((name) => name.endsWith(".test.ts")).map((name) => `test/${name}`),
    outdir: "dist/test",
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    alias: { vscode: path.resolve("test/stub/vscode.ts") },
    sourcemap: "inline",
    logLevel: "warning",
  });
} else {
  await build({
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    legalComments: "none",
    logLevel: "warning",
  });
  const { size } = statSync("dist/extension.js");
  console.log(`dist/extension.js: ${(size / 1024).toFixed(0)} KiB`);
  if (size > LARGEST_BUNDLE_BYTES) throw new Error(`the bundle may not be larger than ${LARGEST_BUNDLE_BYTES} bytes`);
}

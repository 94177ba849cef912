/** Which Python to use: what to try in which order, and what its answer means. Pure: runs nothing. */

export const OLDEST: readonly [number, number] = [3, 11];

/** A command that may be a Python. `source` says where it was found. */
export interface Candidate {
  readonly command: string;
  readonly args: readonly string[];
  readonly source: "setting" | "extension" | "path";
}

/** What a Python says of itself. `canMakeEnvironments` is false where Debian's python3-venv is missing. */
export interface PythonFacts {
  readonly version: readonly [number, number, number];
  readonly executable: string;
  readonly canMakeEnvironments: boolean;
}

export type Outcome =
  | { readonly kind: "found"; readonly python: PythonFacts; readonly source: Candidate["source"] }
  | { readonly kind: "none" }
  | { readonly kind: "badSetting"; readonly path: string }
  | { readonly kind: "old"; readonly version: string; readonly executable: string }
  | { readonly kind: "noVenv"; readonly python: PythonFacts };

/** Printed by every Python since 2.7, so that old ones can say that they are old. */
export const PROBE = [
  "import sys, json",
  "try:",
  "    import venv, ensurepip; ok = True",
  "except ImportError:",
  "    ok = False",
  "print(json.dumps({'version': list(sys.version_info[:3]), 'executable': sys.executable, 'venv': ok}))",
].join("\n");

/** What to try, best first. `configured` is the user's setting, `chosen` the Python extension's choice. */
export function candidates(configured: string, chosen: string | undefined, platform: NodeJS.Platform): Candidate[] {
  if (configured !== "") return [{ command: configured, args: [], source: "setting" }];
  const names = platform === "win32" ? ["py", "python", "python3"] : ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"];
  return [
    ...(chosen === undefined ? [] : [{ command: chosen, args: [], source: "extension" } as const]),
    ...names.map((command) => ({ command, args: command === "py" ? ["-3"] : [], source: "path" }) as const),
  ];
}

/** Read the probe's answer; undefined where it is not one (the Windows Store's stand-in prints an advertisement). */
export function parseFacts(output: string): PythonFacts | undefined {
  const line = output.trim().split(/\r?\n/).at(-1) ?? "";
  let facts: unknown;
  try {
    facts = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof facts !== "object" || facts === null) return undefined;
  const { version, executable, venv } = facts as { version?: unknown; executable?: unknown; venv?: unknown };
  if (!Array.isArray(version) || version.length !== 3 || !version.every((part) => typeof part === "number")) return undefined;
  if (typeof executable !== "string" || executable === "") return undefined;
  const [major, minor, patch] = version as [number, number, number];
  return { version: [major, minor, patch], executable, canMakeEnvironments: venv === true };
}

/** Whether this Python is new enough. */
export function isNewEnough(facts: PythonFacts): boolean {
  const [major, minor] = facts.version;
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The Microsoft Store's Python keeps from other programs what it writes into a user's folders, environments too. */
export function isFromStore({ executable }: PythonFacts): boolean {
  return /[\\/]WindowsApps[\\/]/i.test(executable);
}

/** Choose among what was tried, in its order, the Store's last. Says of the best failure why there is none. */
export function choose(tried: readonly { candidate: Candidate; facts: PythonFacts | undefined }[]): Outcome {
  const answered = tried.flatMap(({ candidate, facts }) => (facts === undefined ? [] : [{ candidate, facts }]));
  const fits = answered.filter(({ facts }) => isNewEnough(facts) && facts.canMakeEnvironments);
  const fit = fits.find(({ facts }) => !isFromStore(facts)) ?? fits[0];
  if (fit) return { kind: "found", python: fit.facts, source: fit.candidate.source };
  const bare = answered.find(({ facts }) => isNewEnough(facts));
  if (bare) return { kind: "noVenv", python: bare.facts };
  const [old] = answered;
  if (old) return { kind: "old", version: old.facts.version.join("."), executable: old.facts.executable };
  const [first] = tried;
  return first?.candidate.source === "setting" ? { kind: "badSetting", path: first.candidate.command } : { kind: "none" };
}

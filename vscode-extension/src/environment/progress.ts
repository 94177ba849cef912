/** What the output of pip says about how far it is. Pure. */

export interface Progress {
  /** What pip works on now, in its own words and short. */
  readonly detail: string;
  /** Of the compilation, 0…100. */
  readonly percent?: number;
}

const NINJA = /^\s*\[\s*(\d+)\/(\d+)\]/;
const MAKE = /^\s*\[\s*(\d{1,3})%\]/;
const DOWNLOADING = /^\s*Downloading (\S+?)(?:-py3|-cp3|\.tar\.gz|\.whl|\.metadata)\S*(?: \(([^)]+)\))?/;
const COLLECTING = /^\s*(?:Collecting |Processing (?:.*[\\/])?)(\S+)/;
const INSTALLING = /^\s*Installing collected packages: (.*)$/;
const BUILDING = /^\s*Building wheel for (\S+)/;

/** Read one line of pip's output; undefined where it says nothing new. */
export function readLine(line: string): Progress | undefined {
  const ninja = NINJA.exec(line);
  if (ninja) {
    const [, done = "0", all = "1"] = ninja;
    return { detail: `${done}/${all}`, percent: Math.min(100, Math.round((100 * Number(done)) / Math.max(1, Number(all)))) };
  }
  const make = MAKE.exec(line);
  if (make) return { detail: "", percent: Math.min(100, Number(make[1])) };
  const downloading = DOWNLOADING.exec(line);
  if (downloading) {
    const [, name = "", size] = downloading;
    const base = name.split("/").at(-1) ?? name;
    return { detail: size === undefined ? base : `${base} (${size})` };
  }
  const other = COLLECTING.exec(line) ?? BUILDING.exec(line);
  if (other) return { detail: (other[1] ?? "").split(/[/\\]/).at(-1) ?? "" };
  const installing = INSTALLING.exec(line);
  if (installing) return { detail: `${(installing[1] ?? "").split(",").length}` };
  return undefined;
}

/** Why a step failed, where its output or (`elsewhere`) what it left shows one of the usual causes. */
export type Cause = "elsewhere" | "network" | "compiler" | "readOnly" | "inUse" | "space" | "notFound" | "other";

/** What pip, urllib3 and requests call it, in their warnings before each retry or in the error at the end. */
const NO_NETWORK = new RegExp(
  [
    "after connection broken by", "ConnectionError", "Connection(?: was)? (?:refused|reset|aborted)", "ConnectTimeout", "ReadTimeout",
    "Max retries", "Failed to (?:connect|establish)", "Name or service not known", "name resolution", "getaddrinfo",
    "Network is unreachable", "No route to host", "ProxyError", "SSLError", "CERTIFICATE_VERIFY",
  ].join("|"),
  "i",
);

/** Guess the cause from pip's whole output. */
export function causeOf(output: string): Cause {
  if (/No space left on device|Errno 28|not enough space on the disk|WinError 112\b/i.test(output)) return "space";
  // Windows refuses to delete a program or a library that runs, or to move its folder, as it refuses where one has no rights.
  if (/WinError 32\b|used by another process|\bEBUSY\b|\bEPERM\b.*, rename |(?:WinError 5\b|\bEPERM\b).*\.(?:exe|dll|pyd)\b/i.test(output)) return "inUse";
  if (/Read-only file system|(?:Permission|Access is) denied|Operation not permitted|WinError 5\b|Отказано в доступе|Errno 13\]|Errno 30\]/i.test(output)) return "readOnly";
  if (/CMAKE_C(XX)?_COMPILER|No CMAKE_|Could not find compiler|nmake|C\+\+ compiler|CMake configuration failed/i.test(output)) return "compiler";
  if (NO_NETWORK.test(output)) return "network";
  if (/No matching distribution|Could not find a version/i.test(output)) return "notFound";
  return "other";
}

/**
 * One answer while it grows, and what the user types along it. Pure: no editor, no server.
 *
 * Texts are compared with `\n` line ends; offsets and places are the editor's own (UTF-16).
 */

export interface Place {
  readonly line: number;
  readonly character: number;
}

/** What to show: `text` replaces from `start` to `end`, which lie on one line. */
export interface Suggestion {
  readonly text: string;
  readonly start: Place;
  readonly end: Place;
}

/** `waiting`: nothing has come; `growing`: part of the first answer; `done`: all of it. */
export type Phase = "waiting" | "growing" | "done";

export interface GhostSession {
  readonly uri: string;
  /** Where the user asked: partial answers name the same place. */
  readonly asked: Place;
  /** Where the item begins: what stands between it and the cursor is a prefix of each answer. */
  readonly start: Place;
  /** What stood between `start` and the cursor when the user asked. */
  readonly before: string;
  /** The first one grows; others come on request. */
  readonly answers: readonly string[];
  /** How many characters at the end of the cursor's line stay behind an answer; undefined: all behind the cursor. */
  readonly kept: number | undefined;
  readonly phase: Phase;
}

/**
 * `agrees`: an answer goes on from what is typed; `ahead`: the user is past what has come so far, and it may still agree;
 * `used`: an answer is typed or accepted to its end; `differs`: the answer is of no use any more.
 */
export type Verdict = "agrees" | "ahead" | "used" | "differs";

const unify = (text: string): string => text.replaceAll("\r\n", "\n");

/** Wait for an answer at a place; `before` is the cursor's line up to it. */
export function begin(uri: string, asked: Place, before: string): GhostSession {
  return { uri, asked, start: { line: asked.line, character: 0 }, before, answers: [], kept: undefined, phase: "waiting" };
}

/**
 * What came of an answer. `lead` stands in the file between the session's start and the item's: typed lines, mostly.
 * `kept` is how much of the line stays behind it, where that can be told.
 */
export interface Arrived {
  readonly text: string;
  readonly lead: string;
  readonly kept: number | undefined;
}

/** Take what has come so far of the first answer. */
export function grow(session: GhostSession, { text, lead, kept = session.kept }: Arrived, done: boolean): GhostSession {
  const phase = done ? "done" : text === "" ? session.phase : "growing";
  const answer = unify(lead) + (done ? unify(text).trimEnd() : unify(text));
  return { ...session, answers: [answer, ...session.answers.slice(1)], kept, phase };
}

/** Take the final answers; where none came although some of it had grown, what has grown stays. */
export function finish(session: GhostSession, items: readonly Arrived[]): GhostSession {
  const [first] = items;
  return grow(session, first ?? { text: session.answers[0] ?? "", lead: "", kept: undefined }, true);
}

/** Add answers that differ from those already there. */
export function addVariants(session: GhostSession, items: readonly Arrived[]): GhostSession {
  const texts = items.map((item) => grow(session, item, true).answers[0] ?? "");
  return { ...session, answers: [...new Set([...session.answers, ...texts])].filter((text) => text.trim() !== "") };
}

/** Whether the answers still fit. `typed` is the text from the session's start to the cursor. */
export function judge(session: GhostSession, typed: string): Verdict {
  const text = unify(typed);
  if (session.answers.some((answer) => answer.length > text.length && answer.startsWith(text))) return "agrees";
  const [grown = ""] = session.answers;
  if (session.phase === "done") return session.answers.includes(text) ? "used" : "differs";
  if (session.phase === "waiting") return mayWait(session, text) ? "ahead" : "differs";
  return text.startsWith(grown) ? "ahead" : "differs";
}

/** What the answer was when it was shown last (nothing: ""), and when that was. */
export interface Drawn {
  readonly text: string;
  readonly atMs: number;
}

/** Whole lines are shown as they come; a line that takes longer than this is shown while it is written. */
const SLOW_LINE_MS = 500;

/** Whether so much has come since the last drawing that the editor should draw again. */
export function isWorthDrawing(text: string, drawn: Drawn, nowMs: number): boolean {
  return lines(text) > lines(drawn.text) || (text !== drawn.text && nowMs - drawn.atMs >= SLOW_LINE_MS);
}

function lines(text: string): number {
  return text === "" ? 0 : text.split("\n").length;
}

/** Before anything has come, code typed on the same line may turn out to agree; a new line or a comment asks something else. */
function mayWait(session: GhostSession, text: string): boolean {
  const before = unify(session.before);
  const shorter = before.startsWith(text) && before.trim() === "";
  if (!text.startsWith(before)) return shorter;
  const added = text.slice(before.length);
  return !added.includes("\n") && !added.trimStart().startsWith("#");
}

/**
 * What to show at the cursor, best first. `typed` is the text from the session's start to the cursor, `nBehind` the number
 * of characters behind the cursor on its line. VS Code wants ranges on one line, so lines that are typed already are left out of the item.
 */
export function suggestions(session: GhostSession, typed: string, cursor: Place, nBehind: number): Suggestion[] {
  const text = unify(typed);
  const lineStart = text.lastIndexOf("\n") + 1;
  const start = lineStart === 0 ? session.start : { line: cursor.line, character: 0 };
  const nReplaced = Math.max(0, nBehind - (session.kept ?? nBehind));
  const end = { line: cursor.line, character: cursor.character + nReplaced };
  return session.answers
    .map((answer) => answer.trimEnd())
    .filter((answer) => answer.length > text.length && answer.startsWith(text))
    .map((answer) => ({ text: answer.slice(lineStart), start, end }));
}

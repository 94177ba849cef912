/** Which of VS Code's questions we have caused, and why. Pure. */

/** To draw what has grown, to ask again as if it came by itself, or for the user. */
export type Caused = "redraw" | "again" | "byHand";

export class Causes {
  private pending: { readonly caused: Caused; readonly version: number | undefined } | undefined;

  /** We are about to have VS Code ask about a version of the file. Gives false where it asks for the user already. */
  begin(caused: Caused, version: number | undefined): boolean {
    if (this.pending?.caused === "byHand" && caused !== "byHand") return false;
    this.pending = { caused, version };
    return true;
  }

  /** VS Code asks by command: for which reason of ours? */
  claim(version: number): Caused | undefined {
    const { pending } = this;
    this.pending = undefined;
    // The user has typed since: VS Code has given up its own question for this one and will not ask again.
    return pending?.caused === "redraw" && pending.version !== version ? "again" : pending?.caused;
  }

  /** VS Code has done what it was told to do, whether it asked or not. */
  end(caused: Caused): void {
    if (this.pending?.caused === caused) this.pending = undefined;
  }
}

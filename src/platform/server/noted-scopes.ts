/** The scopes of a token, and which of them the handling of a request has asked for and found. */
export class NotedScopes extends Set<string> {
  readonly found = new Set<string>();

  override has(scope: string): boolean {
    const isHeld = super.has(scope);
    if (isHeld) this.found.add(scope);
    return isHeld;
  }
}

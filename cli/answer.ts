/** Whether a part of an answer is an object with members. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member as a person reads it: lists on one line, nothing as a dash. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(shown).join(" ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

/** Names are free text of others: what would steer the terminal is replaced. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\u{fffd}");
}

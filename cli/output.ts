import { shown } from "./answer.ts";

const graphemes = new Intl.Segmenter();

type Entry = Readonly<Record<string, unknown>>;

/** One line per entry under the names of the columns. */
export function table(columns: readonly string[], entries: readonly Entry[]): string {
  const rows = entries.map((entry) => columns.map((column) => shown(entry[column])));
  const widths = columns.map((column, place) =>
    Math.max(column.length, ...rows.map((row) => widthOf(row[place] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, place) => cell + " ".repeat((widths[place] ?? 0) - widthOf(cell)))
      .join("  ")
      .trimEnd();
  return `${[columns, ...rows].map(line).join("\n")}\n`;
}

/** One line per member. */
export function card(entry: Entry): string {
  const width = Math.max(...Object.keys(entry).map((name) => name.length));
  const lines = Object.entries(entry).map(([name, value]) => `${name.padEnd(width)}  ${shown(value)}`);
  return `${lines.join("\n")}\n`;
}

/** In characters as a person counts them. */
function widthOf(text: string): number {
  return [...graphemes.segment(text)].length;
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A table and the tables that its foreign keys name. */
export type OrderedTable = {
  readonly name: string;
  readonly isWalled: boolean;
  readonly references: readonly string[];
};

/** Tables in the order in which rows can be inserted: those before the tenants' rows, the tenants', those after. */
export type TableOrder<T> = {
  readonly before: readonly T[];
  readonly walled: readonly T[];
  readonly after: readonly T[];
};

/**
 * Sorts tables so that each comes after those it refers to. Walled tables come tenant by tenant, so they are one
 * group; a table before the wall comes ahead of them unless it refers to one. Throws when tables refer to each other
 * in a circle, or a table to itself: their rows could not be inserted in pieces.
 */
export function orderTables<T extends OrderedTable>(tables: readonly T[]): TableOrder<T> {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const sorted: T[] = [];
  const path: string[] = [];
  const done = new Set<string>();
  const visit = (table: T): void => {
    if (done.has(table.name)) return;
    if (path.includes(table.name)) throw new Error(`${[...path, table.name].join(" -> ")}: foreign keys in a circle`);
    path.push(table.name);
    for (const name of table.references) {
      const target = byName.get(name);
      if (target !== undefined) visit(target);
    }
    path.pop();
    done.add(table.name);
    sorted.push(table);
  };
  for (const table of tables.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(table);
  const late = new Set<string>();
  for (const table of sorted) {
    if (table.isWalled || table.references.some((name) => late.has(name))) late.add(table.name);
  }
  const after = sorted.filter((table) => !table.isWalled && late.has(table.name));
  const outOfTurn = sorted.find(
    (table) => table.isWalled && table.references.some((name) => after.some((each) => each.name === name)),
  );
  if (outOfTurn !== undefined)
    throw new Error(`${outOfTurn.name} refers to a table that itself refers to a tenant's rows`);
  return {
    before: sorted.filter((table) => !late.has(table.name)),
    walled: sorted.filter((table) => table.isWalled),
    after,
  };
}

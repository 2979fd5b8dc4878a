import { TILE_HASHES } from "./merkle.ts";

/** A tile as a path names it: its place and how many hashes or entries of it are wanted. */
export type TileName = { readonly index: number; readonly width: number };

const GROUPS = /^(?:x\d{3}\/){0,4}\d{3}(?:\.p\/([1-9]\d{0,2}))?$/;

/** `x001/x234/067` is tile 1234067, `067.p/12` the first twelve of tile 67 (C2SP tlog-tiles). Null for any other text. */
export function readTilePath(path: string): TileName | null {
  const match = GROUPS.exec(path);
  const width = match?.[1] === undefined ? TILE_HASHES : Number(match[1]);
  if (match === null || width > TILE_HASHES || (match[1] !== undefined && width === TILE_HASHES)) return null;
  const groups = (path.split(".p/")[0] ?? "").split("/").map((group) => group.replace("x", ""));
  // `x000/001` would be a second name of tile 1.
  if (groups.length > 1 && groups[0] === "000") return null;
  return { index: Number(groups.join("")), width };
}

const TAG = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Whether `If-None-Match` (RFC 9110, section 13.1.2) names `etag`: any of a list, weak or strong, since a weak tag of
 * the same bytes is the same content; `*` names whatever there is.
 */
export function isHeldAlready(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return [...header.matchAll(TAG)].some((match) => match[2] === etag);
}

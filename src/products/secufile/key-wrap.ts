const BUILT_IN = /^vault:\/\/kms\/key\/([0-7][0-9A-HJKMNP-TV-Z]{25})$/;

/** The reference of a key in the built-in key service. */
export function keyReference(keyId: string): string {
  return `vault://kms/key/${keyId}`;
}

/** The id of the built-in key that `reference` names, or null when it names a key kept elsewhere. */
export function builtInKeyId(reference: string): string | null {
  return BUILT_IN.exec(reference)?.[1] ?? null;
}

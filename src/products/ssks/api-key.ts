/** Keys of applications are credentials of the platform, apart from the tokens that manage applications. */
export const API_KEY_PRODUCT = "ssks-app";

/** The one thing that a key may do: speak for its application. */
export function keyScope(appId: string): string {
  return `app:${appId}`;
}

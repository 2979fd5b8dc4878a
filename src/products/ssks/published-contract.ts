/** The headers of the published contract, and how a page of another origin may send them. */
export const headerSchemes = {
  appId: { header: "X-SEALD-APPID", description: "Id of the application.", variable: "SEALD_APP_ID" },
  apiKey: {
    header: "X-SEALD-APIKEY",
    description: "A key of the application. It belongs to its server, never into a page.",
    variable: "SEALD_API_KEY",
  },
  session: {
    header: "X-SEALD-SESSION",
    description: "The session: as `challenge_send` gave it, or the `new_id` of `challenge_validate`.",
    variable: "SEALD_SESSION",
  },
} as const;

const cors = {
  allowHeaders: ["content-type", "x-seald-appid", "x-seald-version", "x-seald-session", "x-seald-user-id"],
  exposeHeaders: ["Retry-After"],
} as const;

/** Of the application's own server. */
export const backContract = { security: ["appId", "apiKey"], cors: null } as const;
/** Of whoever holds a session. */
export const sessionContract = { security: ["appId", "session"], cors } as const;
/** Of whoever knows the application. */
export const passwordContract = { security: ["appId"], cors } as const;

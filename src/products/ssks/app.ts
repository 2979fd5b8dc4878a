import type { Limits } from "./limits.ts";

export const environments = ["production", "staging", "test"] as const;
export type Environment = (typeof environments)[number];

/** What its owner sets of an application. */
export type AppSettings = {
  readonly name: string;
  readonly environment: Environment;
  readonly sms_quota: number;
  readonly mails_per_hour: number;
  readonly slots_per_user: number;
  readonly is_mark_waived: boolean;
  readonly audit_users: "hashed" | "clear";
  readonly limits: Limits;
};

/** An application, as requests need it. */
export type App = AppSettings & { readonly tenant_id: string; readonly id: string };

/** Fixed challenges are for those who test against the application, never for its users. */
export function takesFakeChallenges({ environment }: Pick<App, "environment">): boolean {
  return environment !== "production";
}

/** Whether a mail's template must hold the mark that the challenge replaces. */
export function needsMark(app: Pick<App, "environment" | "is_mark_waived">): boolean {
  return app.environment === "production" || !app.is_mark_waived;
}

/** Months count in UTC: `2026-11`. */
export function monthOf(now: Date): string {
  return now.toISOString().slice(0, 7);
}

import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const sessionErrors = {
  session_ended: { status: 401, wire: "session_ended", title: "The session is over; sign in again", retry: "no" },
} as const satisfies ErrorTable;

export const sessionError = errorsOf("sessions", sessionErrors);

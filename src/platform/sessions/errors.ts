import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const sessionErrors = {
  session_ended: { status: 401, wire: "session_ended", title: "The session is over; sign in again", retry: "no" },
  login_failed: { status: 401, wire: "login_failed", title: "Address or password is wrong", retry: "no" },
  code_failed: { status: 401, wire: "code_failed", title: "The code is wrong or was used", retry: "later" },
  session_not_found: { status: 404, wire: "session_not_found", title: "Session not found", retry: "no" },
} as const satisfies ErrorTable;

export const sessionError = errorsOf("sessions", sessionErrors);

import { errorsOf, type ErrorTable } from "../errors/errors.ts";

export const auditReadingErrors = {
  audit_record_not_found: {
    status: 404,
    wire: "audit_record_not_found",
    title: "Audit record not found",
    retry: "no",
  },
  audit_record_pending: {
    status: 409,
    wire: "audit_record_pending",
    title: "The record has no place in the log yet",
    retry: "now",
  },
  audit_not_signed: {
    status: 409,
    wire: "audit_not_signed",
    title: "No checkpoint is signed yet",
    retry: "now",
  },
  audit_checkpoint_not_found: {
    status: 404,
    wire: "audit_checkpoint_not_found",
    title: "No checkpoint of that size was signed",
    retry: "no",
  },
  audit_checkpoint_pending: {
    status: 409,
    wire: "audit_checkpoint_pending",
    title: "The checkpoint has no place in the log above yet",
    retry: "now",
  },
  audit_tile_not_found: { status: 404, wire: "audit_tile_not_found", title: "No such tile", retry: "later" },
  audit_followers_exceeded: {
    status: 429,
    wire: "audit_followers_exceeded",
    title: "Too many open streams",
    retry: "later",
  },
  audit_stream_not_found: { status: 404, wire: "audit_stream_not_found", title: "Audit stream not found", retry: "no" },
  audit_stream_limit_reached: {
    status: 409,
    wire: "audit_stream_limit_reached",
    title: "No further audit stream can be made",
    retry: "later",
  },
} as const satisfies ErrorTable;

export const auditReadingError = errorsOf("audit-reading", auditReadingErrors);

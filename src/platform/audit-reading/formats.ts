import { cefLine } from "./format-cef.ts";
import { csvHeader, csvLine } from "./format-csv.ts";
import { ocsfLine } from "./format-ocsf.ts";
import { syslogLine } from "./format-syslog.ts";
import type { AuditRecord } from "./record.ts";

export const exportFormats = ["jsonl", "csv", "cef", "ocsf", "rfc5424"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** What formats say of the sender. */
export type Sender = { readonly title: string; readonly version: string; readonly host: string };

export type Format = {
  readonly contentType: string;
  readonly fileExtension: string;
  /** Before the first record. */
  readonly header: string;
  /** One record with the end of its line. */
  line(record: AuditRecord, sender: Sender): string;
};

/** How a record is written for a SIEM. Every form holds its index and its leaf hash, so a reader finds gaps and doubles. */
export const formats: Readonly<Record<ExportFormat, Format>> = {
  jsonl: {
    contentType: "application/jsonl; charset=utf-8",
    fileExtension: "jsonl",
    header: "",
    line: (record) => `${JSON.stringify(record)}\n`,
  },
  csv: {
    contentType: "text/csv; charset=utf-8; header=present",
    fileExtension: "csv",
    header: csvHeader,
    line: csvLine,
  },
  cef: {
    contentType: "text/plain; charset=utf-8",
    fileExtension: "cef",
    header: "",
    line: (record, sender) => `${cefLine(record, sender)}\n`,
  },
  ocsf: {
    contentType: "application/jsonl; charset=utf-8",
    fileExtension: "ocsf.jsonl",
    header: "",
    line: (record, sender) => `${ocsfLine(record, sender)}\n`,
  },
  rfc5424: {
    contentType: "text/plain; charset=utf-8",
    fileExtension: "log",
    header: "",
    line: (record, sender) => `${syslogLine(record, sender.host)}\n`,
  },
};

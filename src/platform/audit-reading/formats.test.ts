import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formats, type Sender } from "./formats.ts";
import { octetCounted, syslogLine } from "./format-syslog.ts";
import type { AuditRecord } from "./record.ts";

const sender: Sender = { title: "SecuFile", version: "1.0.0", host: "docs.example.org" };

/** Texts that hold what each format has to escape, far more often than chance would. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      "|",
      "=",
      "\\",
      "\n",
      "\r",
      '"',
      "]",
      "[",
      ",",
      "'",
      " ",
      "+",
      "-",
      "@",
      "\t",
      "a=b",
      "n",
      "é",
    ),
    maxLength: 20,
  }),
);
const nullable = fc.option(text, { nil: null });

const PLAIN = { noNullPrototype: true } as const;

const records: fc.Arbitrary<AuditRecord> = fc.record(
  {
    index: fc.nat(),
    leaf_hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex")),
    id: fc.constant("aud_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
    at: fc
      .date({ min: new Date("2000-01-01"), max: new Date("2099-01-01"), noInvalidDate: true })
      .map((at) => at.toISOString()),
    actor: fc.record(
      {
        type: fc.constantFrom("token", "member", "operator", "system"),
        id: text,
        email: nullable,
        ip: nullable,
      },
      PLAIN,
    ),
    action: fc.constantFrom("secufile.createDocument", "secufile.getContent", "platform.authenticate"),
    bucket: nullable,
    resource: fc.option(fc.record({ type: text, id: text }, PLAIN), { nil: null }),
    outcome: fc.constantFrom("success", "denied", "failed"),
    details: fc.dictionary(
      text.filter((name) => name !== "__proto__"),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
      { maxKeys: 4, noNullPrototype: true },
    ),
  },
  PLAIN,
);

function holds(check: (record: AuditRecord) => void): void {
  fc.assert(fc.property(records, check), { numRuns: 400, seed: 55 });
}

/** RFC 4180, with the guard against formulas taken away. An empty cell is absent, `""` is empty. */
function parseCsv(source: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  const cells = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  let row: (string | null)[] = [];
  while (cells.lastIndex < source.length) {
    const match = cells.exec(source);
    assert.ok(match !== null, `no CSV from ${source}`);
    const [, quoted, plain, end] = match;
    const value = quoted?.replaceAll('""', '"') ?? (plain === "" ? null : (plain ?? null));
    assert.doesNotMatch(value ?? "", /^[=+\-@\t\r]/, "a cell that a spreadsheet takes for a formula");
    row.push(value === null ? null : value.replace(/^'(?=['=+\-@\t\r])/, ""));
    if (end === "\r\n") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

function parseCef(line: string): { head: string[]; members: Record<string, string> } {
  const parts =
    /^((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|((?:[^\\|]|\\.)*)\|(.*)$/s.exec(
      line,
    );
  assert.ok(parts !== null, `no CEF: ${line}`);
  const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r" };
  const unescaped = (value: string): string =>
    value.replaceAll(/\\(.)/gs, (_all, char: string) => escapes[char] ?? char);
  const members: Record<string, string> = {};
  for (const match of (parts[8] ?? "").matchAll(/([A-Za-z0-9]+)=((?:[^\\=]|\\.)*?)(?= [A-Za-z0-9]+=|$)/gs)) {
    members[match[1] ?? ""] = unescaped(match[2] ?? "");
  }
  return { head: parts.slice(1, 8).map((part) => unescaped(part)), members };
}

function parseSyslog(line: string): {
  priority: number;
  head: string[];
  data: Record<string, string>;
  message: string;
} {
  const match =
    /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) \[tabellion@32473((?: [A-Za-z]+="(?:[^"\\\]]|\\["\\\]])*")*)\] \uFEFF(.*)$/s.exec(
      line,
    );
  assert.ok(match !== null, `no RFC 5424: ${line}`);
  const data: Record<string, string> = {};
  for (const each of (match[7] ?? "").matchAll(/ ([A-Za-z]+)="((?:[^"\\\]]|\\["\\\]])*)"/g)) {
    data[each[1] ?? ""] = (each[2] ?? "").replaceAll(/\\(["\\\]])/g, "$1");
  }
  return { priority: Number(match[1]), head: match.slice(2, 7), data, message: match[8] ?? "" };
}

describe("SF-55 formats for a SIEM", () => {
  test("a record comes back from JSON lines as it was, in one line", () => {
    holds((record) => {
      const line = formats.jsonl.line(record, sender);
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.deepEqual(JSON.parse(line), record);
    });
  });

  test("a record comes back from CSV as it was, and no cell is a formula", () => {
    holds((record) => {
      const [names, cells, ...more] = parseCsv(formats.csv.header + formats.csv.line(record, sender));
      assert.ok(names !== undefined && cells !== undefined && more.length === 0);
      const read = Object.fromEntries(names.map((name, place) => [name, cells[place]]));
      const { actor, resource } = record;
      assert.deepEqual(read, {
        index: String(record.index),
        leaf_hash: record.leaf_hash,
        id: record.id,
        at: record.at,
        actor_type: actor.type,
        actor_id: actor.id,
        actor_email: actor.email,
        actor_ip: actor.ip,
        action: record.action,
        bucket: record.bucket,
        resource_type: resource?.type ?? null,
        resource_id: resource?.id ?? null,
        outcome: record.outcome,
        details: JSON.stringify(record.details),
      });
    });
  });

  test("a record comes back from CEF as it was, in one line", () => {
    holds((record) => {
      const line = formats.cef.line(record, sender);
      assert.equal(line.search(/[\r\n]/), line.length - 1);
      const { head, members } = parseCef(line.slice(0, -1));
      assert.deepEqual(head.slice(0, 6), ["CEF:0", "Tabellion", "SecuFile", "1.0.0", record.action, record.action]);
      const { actor, resource } = record;
      const wanted = {
        rt: String(Date.parse(record.at)),
        externalId: record.id,
        outcome: record.outcome,
        suid: actor.id,
        suser: actor.email,
        src: actor.ip,
        cn1: String(record.index),
        cs1: record.leaf_hash,
        cs2: record.bucket,
        cs3: resource?.type ?? null,
        cs4: resource?.id ?? null,
        cs5: JSON.stringify(record.details),
        cs6: actor.type,
      };
      for (const [name, value] of Object.entries(wanted)) assert.equal(members[name] ?? null, value, name);
    });
  });

  test("a record comes back from RFC 5424 as it was, in one line", () => {
    holds((record) => {
      const line = formats.rfc5424.line(record, sender);
      assert.equal(line.search(/[\r\n]/), line.length - 1);
      const { priority, head, data, message } = parseSyslog(line.slice(0, -1));
      assert.equal(Math.floor(priority / 8), 13);
      assert.deepEqual(head, [record.at, "docs.example.org", "tabellion", "-", record.action]);
      assert.deepEqual(JSON.parse(message), record);
      assert.equal(data["index"], String(record.index));
      assert.equal(data["leafHash"], record.leaf_hash);
      // oxlint-disable-next-line no-control-regex -- control characters are what is replaced there
      assert.equal(data["actorId"], record.actor.id.replaceAll(/[\u0000-\u001f\u007f]/g, "\uFFFD"));
    });
  });

  test("octet counting gives the length in bytes, so messages are told apart whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 4 }), (many) => {
        let stream = Buffer.concat(many.map((record) => octetCounted(syslogLine(record, sender.host))));
        const read: unknown[] = [];
        while (stream.length > 0) {
          const space = stream.indexOf(" ");
          const length = Number(stream.subarray(0, space).toString("ascii"));
          read.push(JSON.parse(parseSyslog(stream.subarray(space + 1, space + 1 + length).toString("utf8")).message));
          stream = stream.subarray(space + 1 + length);
        }
        assert.deepEqual(read, many);
      }),
    );
  });

  test("OCSF: an API Activity of 1.6.0 with all that its class requires, and the record in it", () => {
    holds((record) => {
      const event = JSON.parse(formats.ocsf.line(record, sender));
      assert.equal(event.class_uid, 6003);
      assert.equal(event.category_uid, 6);
      assert.equal(event.type_uid, 6003 * 100 + event.activity_id);
      assert.equal(event.metadata.version, "1.6.0");
      assert.equal(event.metadata.uid, record.id);
      assert.equal(event.metadata.product.vendor_name, "Tabellion");
      assert.equal(event.time, Date.parse(record.at));
      assert.equal(typeof event.severity_id, "number");
      assert.equal(event.api.operation, record.action);
      assert.equal(event.actor.user.uid, record.actor.id);
      assert.equal(event.src_endpoint.ip ?? null, record.actor.ip);
      const { log_index, leaf_hash, bucket, details } = event.unmapped;
      const { index } = record;
      assert.deepEqual(
        { log_index, leaf_hash, bucket, details },
        { log_index: index, leaf_hash: record.leaf_hash, bucket: record.bucket, details: record.details },
      );
    });
  });

  test("OCSF: the operation's verb decides the activity", () => {
    const record = fc.sample(records, { seed: 1, numRuns: 1 })[0];
    assert.ok(record !== undefined);
    const activities: Readonly<Record<string, number>> = {
      createDocument: 1,
      getContent: 2,
      rotateToken: 3,
      deleteDocument: 4,
      doThings: 99,
    };
    for (const [operation, id] of Object.entries(activities)) {
      const event = JSON.parse(formats.ocsf.line({ ...record, action: `secufile.${operation}` }, sender));
      assert.equal(event.activity_id, id, operation);
    }
  });
});

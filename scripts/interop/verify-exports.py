"""Reads the exports of one log in every format, with strangers' parsers, and holds them against the JSON lines."""

import csv
import json
import os
import re

import jsonschema
import pycef
from ocsf.v1_6_0.events import ApiActivity
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from syslog_rfc5424_parser import SyslogMessage


def text_of(name):
    with open(os.path.join(os.environ["EXPORTS"], f"audit.{name}"), encoding="utf-8", newline="") as file:
        return file.read()


def lines_of(name):
    *lines, last = text_of(name).split("\n")
    assert last == "", f"{name} does not end with a line feed"
    return lines


def pairs(found, name):
    assert len(found) == len(records), f"{len(found)} records of {name}, {len(records)} as JSON"
    return zip(found, records)


def flat(record):
    """A record as a row of cells."""
    actor, resource = record["actor"], record["resource"] or {}
    return {
        **{name: record[name] for name in ("leaf_hash", "id", "at", "action", "bucket", "outcome")},
        "index": str(record["index"]),
        **{f"actor_{name}": actor[name] for name in ("type", "id", "email", "ip")},
        **{f"resource_{name}": resource.get(name) for name in ("type", "id")},
    }


def present(cells):
    return {name: value for name, value in cells.items() if value is not None}


def same(found, wanted, what):
    assert found == wanted, f"{what}: {found} is not {wanted}"


def check_csv():
    for row, record in pairs(list(csv.DictReader(text_of("csv").splitlines(keepends=True), strict=True)), "csv"):
        for value in row.values():
            assert not re.match(r"[=+\-@\t\r]", value), f"a spreadsheet takes {value} for a formula"
        cells = {name: re.sub(r"^'(?=['=+\-@\t\r])", "", value) for name, value in row.items()}
        same(json.loads(cells.pop("details")), record["details"], "details")
        same(cells, {name: value or "" for name, value in flat(record).items()}, "cells")


def unescaped_cef(value):
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value)


def check_cef():
    names = {
        "act": "action", "externalId": "id", "outcome": "outcome", "suid": "actor_id", "suser": "actor_email",
        "src": "actor_ip", "actorType": "actor_type", "logIndex": "index", "leafHash": "leaf_hash", "bucket": "bucket",
        "resourceType": "resource_type", "resourceId": "resource_id",
    }  # fmt: skip
    for line, record in pairs(lines_of("cef"), "cef"):
        event = pycef.parse(line)
        assert event is not None, f"no CEF: {line}"
        same((event["CEFVersion"], event["DeviceVendor"], event["DeviceProduct"]), ("0", "Tabellion", "SecuFile"), "head")
        wanted = present({name: flat(record)[column] for name, column in names.items()})
        same({name: unescaped_cef(event[name]) for name in names if name in event}, wanted, "members")
        same(json.loads(unescaped_cef(event["details"])), record["details"], "details")


def check_syslog():
    names = {
        "index": "index", "leafHash": "leaf_hash", "id": "id", "action": "action", "outcome": "outcome",
        "actorType": "actor_type", "actorId": "actor_id", "actorEmail": "actor_email", "actorIp": "actor_ip",
        "bucket": "bucket", "resourceType": "resource_type", "resourceId": "resource_id",
    }  # fmt: skip
    for line, record in pairs(lines_of("rfc5424"), "rfc5424"):
        message = SyslogMessage.parse(line)
        same((message.facility.name, message.version, message.appname), ("audit", 1, "tabellion"), "head")
        same((message.timestamp, message.msgid), (record["at"], record["action"][:32]), "head")
        # The parser leaves the escapes of section 6.3.3 as they are.
        data = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in message.sd["tabellion@32473"].items()}
        same(data, present({name: flat(record)[column] for name, column in names.items()}), "structured data")
        same(json.loads(message.msg.removeprefix("\ufeff")), record, "message")


def check_ocsf():
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.6.0")).get_class_schema("api_activity")
    validator = jsonschema.validators.validator_for(schema)(schema)
    for line, record in pairs(lines_of("ocsf"), "ocsf"):
        event = json.loads(line)
        errors = [f"{list(error.path)} {error.message}" for error in validator.iter_errors(event)]
        assert errors == [], f"no API Activity of 1.6.0: {errors}"
        # Names beside ids, and the type that follows from class and activity, which a JSON schema does not say.
        ApiActivity.model_validate(event)
        same((event["metadata"]["uid"], event["metadata"]["sequence"]), (record["id"], record["index"]), "metadata")
        same(event["unmapped"]["leaf_hash"], record["leaf_hash"], "leaf hash")
        same(event["unmapped"]["details"], record["details"], "details")
    for spoilt in ({**event, "api": None}, {**event, "activity_id": 77}, {**event, "more": 1}):
        assert not validator.is_valid(spoilt), f"the schema takes {spoilt}"


records = [json.loads(line) for line in lines_of("jsonl")]
asked = {record["details"].get("user") for record in records}
assert os.environ["AWKWARD"] in asked, f"the awkward text is in no record: {asked}"
for check in (check_csv, check_cef, check_syslog, check_ocsf):
    check()
print(f"{len(records)} records alike in CSV, CEF, RFC 5424 and OCSF")

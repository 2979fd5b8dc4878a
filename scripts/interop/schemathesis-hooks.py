"""What Schemathesis cannot know of this server, told by hooks. Nothing here hides an answer: only requests are changed.

TABELLION_OWN_TOKEN   token of the run, by its id
TABELLION_HOOK_URL    an address that webhooks may be registered for
"""

import os
import re
import uuid

import schemathesis
from schemathesis import GenerationMode

OWN_TOKEN = os.environ["TABELLION_OWN_TOKEN"]
HOOK_URL = os.environ["TABELLION_HOOK_URL"]
UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", re.IGNORECASE)
# From the age specification's test vectors; nobody's key.
AGE_RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@schemathesis.hook
def before_call(context, case, kwargs):
    keep_own_token(case)
    use_fresh_key(case)
    let_answers_end(case)
    if case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE:
        mean_something(case)


def keep_own_token(case):
    """Lists lead the run to its own token; revoking it would end the run."""
    parameters = case.path_parameters or {}
    if parameters.get("id") == OWN_TOKEN and (case.method == "DELETE" or case.path.endswith("/rotate")):
        parameters["id"] = "tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"


def use_fresh_key(case):
    """A key that is sent again rightly gives the old answer, also when what it made is gone since."""
    for name, value in list((case.headers or {}).items()):
        if name.lower() == "idempotency-key" and isinstance(value, str) and UUID4.match(value):
            case.headers[name] = str(uuid.uuid4())


def let_answers_end(case):
    """A followed log has no end, and the run waits for it."""
    query = case.query or {}
    if case.path.endswith("/audit/export") and str(query.get("follow")).lower() == "true":
        query["follow"] = "false"


def mean_something(case):
    """Where the schema asks for text that only means something in its place, valid requests get such text."""
    query = case.query or {}
    query.pop("cursor", None)
    body = case.body
    if not isinstance(body, dict):
        return
    if "/webhooks" in case.path and "url" in body:
        body["url"] = HOOK_URL
    if case.path.endswith("/audit/streams") and body.get("type") == "webhook":
        body.pop("host", None)
        body["url"] = HOOK_URL
    if case.path.endswith("/audit/streams") and body.get("type") == "syslog_tls":
        body.pop("url", None)
        body["host"] = "syslog.example.com"
        if body.get("format") == "jsonl":
            body["format"] = "rfc5424"
    if "ciphertext_url" in body:
        body["ciphertext_url"] = "https://blob.example.com/abc123"
    if "recipient_public_key" in body:
        body["recipient_public_key"] = AGE_RECIPIENT
    if "*" in (body.get("events") or []):
        body["events"] = ["*"]
    if body.get("ip_allow"):
        body["ip_allow"] = ["192.0.2.0/24"]

"""What Schemathesis cannot know of this server, told by hooks. Nothing here hides an answer: only requests are changed.

TABELLION_OWN_TOKEN   token of the run, by its id
SEALD_APP_ID          application of SSKS that the run acts for, where it is one of SSKS
TABELLION_HOOK_URL    an address that webhooks may be registered for
"""

import os
import re
import uuid

import schemathesis
from schemathesis import GenerationMode

OWN_TOKEN = os.environ["TABELLION_OWN_TOKEN"]
OWN_APP = os.environ.get("SEALD_APP_ID")
HOOK_URL = os.environ["TABELLION_HOOK_URL"]
UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", re.IGNORECASE)
# From the age specification's test vectors; nobody's key.
AGE_RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
FACTORS = {"EM": "user@example.com", "SMS": "+12065550100"}
NOBODY = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"


@schemathesis.hook
def before_call(context, case, kwargs):
    keep_own_token(case)
    keep_own_app(case)
    keep_own_session(case)
    use_fresh_key(case)
    let_answers_end(case)
    if case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE:
        mean_something(case)


def keep_own_token(case):
    """Lists lead the run to its own token; revoking it would end the run."""
    parameters = case.path_parameters or {}
    if parameters.get("id") == OWN_TOKEN and (case.method == "DELETE" or case.path.endswith("/rotate")):
        parameters["id"] = "tok_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"


def keep_own_app(case):
    """Lists lead the run to its own application, too: without it, or in other budgets, nothing is answered any more."""
    parameters = case.path_parameters or {}
    if parameters.get("id") == OWN_APP and (case.method in ("DELETE", "PATCH") or case.path.endswith("/rotate")):
        parameters["id"] = NOBODY


def keep_own_session(case):
    """A session ends when it is validated, and after five wrong challenges."""
    if case.path.endswith("/challenge_validate/"):
        for name in list(case.headers or {}):
            if name.lower() == "x-seald-session":
                case.headers[name] = NOBODY


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
    if OWN_APP is not None:
        mean_something_to_ssks(case, body)
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


def mean_something_to_ssks(case, body):
    if "app_id" in body:
        body["app_id"] = OWN_APP
    if "/challenge_send/" in case.path:
        body["template"] = "<p>$$CHALLENGE$$</p>"
        body.pop("template_id", None)
    if case.path.endswith("/must_authenticate/"):
        body["value"] = FACTORS[body["type"]]
    if case.path.endswith("/get_factor_token/"):
        body["auth_factor_value"] = FACTORS[body["auth_factor_type"]]
    if "/tmr/" in case.path and not case.path.endswith(("/must_authenticate/", "/get_factor_token/")):
        name_one_factor(case, body)


def name_one_factor(case, body):
    """`email` is the older way to say `auth_factor`: one of them is there, and both say the same."""
    factor = body.get("auth_factor")
    if factor and "type" in factor:
        factor["value"] = FACTORS[factor["type"]]
        body.pop("email", None)
    elif body.get("email") is not None or not case.path.endswith(("/identity_check/", "/delete_user/")):
        body["email"] = FACTORS["EM"]

"""Verifies a delivery as a receiver written in Python would: with the standard library alone."""

import base64
import hashlib
import hmac
import json
import os

with open(os.environ["DELIVERY_HEADERS"], encoding="utf-8") as file:
    headers = json.load(file)
with open(os.environ["DELIVERY_BODY"], "rb") as file:
    body = file.read()
secret = os.environ["WEBHOOK_SECRET"]


def is_signed(content):
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers["x-secufile-signature"], f"sha256={digest}")


def is_signed_by_standard(content):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(given, wanted) for given in headers["webhook-signature"].split(" "))


for verify in (is_signed, is_signed_by_standard):
    assert verify(body), f"{verify.__name__} refuses the delivery"
    assert not verify(body + b" "), f"{verify.__name__} takes another body"
assert headers["x-secufile-timestamp"] == headers["webhook-timestamp"]
assert json.loads(body)["type"] == headers["x-secufile-event"] == "object.uploaded"
print("X-Secufile-Signature and webhook-signature v1 verified, another body refused")

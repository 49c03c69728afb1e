"""What the OpenAPI document can't say of one gateway, for requests that are to succeed: the names that it has.

A request that is made to be refused is sent as it was made.
"""

import itertools
import json
import os
from urllib.parse import quote, unquote

import schemathesis
from schemathesis import GenerationMode

IDS = json.loads(os.environ["RANKGATE_IDS"])  # of documents that are there
COLLECTION, SCRATCH = "outdoor", "scratch"
PIPELINES = itertools.cycle([None, "shop", "rerank-v3.5"])
# Prompts by the task of their strategy; what is not named here is listwise.
PROMPTS = {"graded": "rerank-graded@v1", "pointwise": "rerank-pointwise@latest", "pairwise": "rerank-pairwise@v1"}
# Shorter deadlines are kept by answering 503 from /v1/search: that is tested where it can be told apart from a fault.
PATIENT = 30_000

turn = itertools.count()


@schemathesis.hook
def before_load_schema(ctx, raw_schema):
    """Schemathesis can't make requests that break `propertyNames`: it does without, and `before_call` keeps to them."""
    conditions = raw_schema["components"]["schemas"]["Filter"]
    for schema in (conditions, conditions["properties"]["not"]):
        del schema["propertyNames"]


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    return value.encode(errors="surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def filter_case(ctx, case):
    """HTTP has unknown headers ignored, and any text is lines: nothing of that can be refused."""
    if any("schemathesis-unknown-property" in name for name in case.headers or {}):
        return False
    refused = case.meta is not None and case.meta.generation.mode == GenerationMode.NEGATIVE
    return not (refused and case.media_type == "application/x-ndjson")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if "name" in (case.path_parameters or {}) and next(turn) % 8:
        writes = case.method in ("POST", "DELETE")
        case.path_parameters["name"] = SCRATCH if writes else COLLECTION
    if case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if "id" in (case.path_parameters or {}):
        # Ids that it has from other answers don't keep to the pattern. What stands here is encoded.
        plain = "".join(c for c in unquote(str(case.path_parameters["id"])) if c.isprintable())
        case.path_parameters["id"] = quote(plain[:100] or "a", safe="")
    if "x-rankgate-deadline-ms" in (case.headers or {}):
        case.headers["x-rankgate-deadline-ms"] = str(PATIENT)
    body = case.body
    if not isinstance(body, dict):
        return
    if body.get("deadline_ms"):
        body["deadline_ms"] = max(int(body["deadline_ms"]), PATIENT)
    for name in ("pipeline", "model"):
        if body.get(name):
            body[name] = next(PIPELINES)
    if body.get("collection") is not None:
        body["collection"] = COLLECTION
    if body.get("prompt"):
        body["prompt"] = prompt(case.path, body)
    if body.get("rank_fields"):
        body["rank_fields"] = ["title", "text"]
    if "ids" in body:
        # Their number is the request's.
        body["ids"] = [IDS[(next(turn) + i) % len(IDS)] for i in range(len(body["ids"]))]
    if isinstance(body.get("filter"), dict):
        # A key that is indexed takes values of its kind alone.
        body["filter"] = {**named(body["filter"]), "price": {"gte": 1}}
        if "not" in body["filter"]:
            body["filter"]["not"] = {**named(body["filter"]["not"]), "category": "tents"}


def named(conditions):
    return {key: value for key, value in conditions.items() if 0 < len(key.encode(errors="surrogatepass")) <= 1024}


def prompt(path, body):
    if path == "/v1/explain":
        return "contrast@v1" if body.get("contrast") else "explain@latest"
    return PROMPTS.get(body.get("strategy"), "rerank-listwise@v1")

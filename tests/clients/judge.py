"""Whether what a client gave, and what the gateway counted meanwhile, is what a cell of the table wants."""

import re

from expected import BEST, NEVER, OWN, RIGHT, TEXTS

# What the gateway must have counted instead of a ranking.
REASONS = {
    "empty query": {"invalid_value"},
    "no documents": {"invalid_value", "empty"},
    "unknown pipeline": {"unknown_pipeline"},
    "too many requests": {"too_many_requests"},
}


class Wrong(Exception):
    """A cell isn't what it must be."""


def success(reply, counted, documents, top_n=None):
    """All documents once or the best `top_n`, the right one first, by one request that the LLM ranked.

    >>> success({"ranking": [[2, 0.9], [0, 0.5]]}, {("llm", ""): 1}, documents=5, top_n=2)
    'ok'
    >>> success({"ranking": [[2, 0.9], [0, 0.5]]}, {("llm", ""): 1}, documents=5)
    Traceback (most recent call last):
    judge.Wrong: 2 results instead of 5: [2, 0]
    >>> success({"ranking": [[0, 0.9], [2, 0.5]]}, {("llm", ""): 1}, documents=2)
    Traceback (most recent call last):
    judge.Wrong: document 0 is first instead of 2
    >>> success({"ranking": [[2, 0.9]]}, {("llm", ""): 2}, documents=1)
    Traceback (most recent call last):
    judge.Wrong: the gateway counted 2× llm, not one request that the LLM ranked
    """
    order = _order(reply, top_n or documents)
    if order[0] != RIGHT:
        raise Wrong(f"document {order[0]} is first instead of {RIGHT}")
    if counted != {("llm", ""): 1}:
        raise Wrong(f"the gateway counted {_shown(counted)}, not one request that the LLM ranked")
    return "ok"


def llm_down(reply, counted, classical):
    """The classical order, by one request: nothing that a client tries again.

    >>> llm_down({"ranking": [[1, 0.9], [0, 0.5]]}, {("fallback", "circuit_open"): 1}, classical=[1, 0])
    'classical order, 1 request'
    >>> llm_down({"ranking": [[1, 0.9], [0, 0.5]]}, {("fallback", "upstream_error"): 3}, classical=[1, 0])
    Traceback (most recent call last):
    judge.Wrong: the gateway counted 3× fallback upstream_error, not one request
    >>> llm_down({"ranking": [[0, 0.9], [1, 0.5]]}, {("fallback", "upstream_error"): 1}, classical=[1, 0])
    Traceback (most recent call last):
    judge.Wrong: the order is [0, 1] instead of the classical [1, 0]
    """
    order = _order(reply, len(classical))
    if order != classical:
        raise Wrong(f"the order is {order} instead of the classical {classical}")
    if [status for status, _ in counted] != ["fallback"] or sum(counted.values()) != 1:
        raise Wrong(f"the gateway counted {_shown(counted)}, not one request")
    return "classical order, 1 request"


def error(cell, expected, reply, counted):
    """The client's own exception for this error, or its own check before it asks.

    >>> not_found = {"error": {"name": "NotFoundError", "status": 404, "text": "…"}}
    >>> error("unknown pipeline", "NotFoundError", not_found, {("error", "unknown_pipeline"): 1})
    'NotFoundError'
    >>> busy = {"error": {"name": "TooManyRequestsError", "status": 429, "text": "…"}}
    >>> error("too many requests", "TooManyRequestsError", busy, {("error", "too_many_requests"): 3})
    'TooManyRequestsError, 3 requests'
    >>> error("no documents", OWN, {"ranking": []}, {})
    "client's own check"
    >>> error("unknown pipeline", "NotFoundError", {"error": {"name": "KeyError", "text": "'results'"}}, {})
    Traceback (most recent call last):
    judge.Wrong: KeyError ('results') instead of NotFoundError
    """
    if expected == NEVER:
        return NEVER
    if expected == OWN:
        if counted or reply.get("ranking"):
            raise Wrong(f"it asked: the gateway counted {_shown(counted)}")
        return OWN
    if "error" not in reply:
        raise Wrong(f"a ranking instead of {expected}: {reply['ranking']}")
    name = reply["error"]["name"]
    if name != expected:
        raise Wrong(f"{name} ({reply['error']['text']}) instead of {expected}")
    requests = sum(counted.values())
    if {status for status, _ in counted} != {"error"} or not {reason for _, reason in counted} <= REASONS[cell]:
        raise Wrong(f"the gateway counted {_shown(counted)}")
    if requests > 1 and cell != "too many requests":
        raise Wrong(f"{requests} requests for a mistake that asking again can't mend")
    return name if requests == 1 else f"{name}, {requests} requests"


def snippet(code, output, counted):
    """What a snippet printed, on one line: the right text comes first and once for each request, the LLM ranked it, and
    where the snippet asks for the status, that is in it too.

    >>> llm = {("llm", ""): 1}
    >>> snippet("print(best)", f"{TEXTS[1]}\\n{TEXTS[0]}", llm)
    'Boots of recycled nylon mesh, 900 g · Boots of full-grain leather, 1.3 kg'
    >>> snippet("curl", '{"results": [{"index": 1}, {"index": 0}]}', llm)
    '{"results": [{"index": 1}, {"index": 0}]}'
    >>> snippet("print(best)", TEXTS[0], llm)
    Traceback (most recent call last):
    judge.Wrong: text 0 comes first instead of 1: Boots of full-grain leather, 1.3 kg
    >>> snippet("print(best)", TEXTS[1], {("llm", ""): 2})
    Traceback (most recent call last):
    judge.Wrong: it asked 2 times and shows the right text less often: Boots of recycled nylon mesh, 900 g
    >>> snippet("print(x_rankgate)", TEXTS[1], llm)
    Traceback (most recent call last):
    judge.Wrong: it prints no status: Boots of recycled nylon mesh, 900 g
    >>> snippet("print(best)", TEXTS[1], {("fallback", "upstream_error"): 1})
    Traceback (most recent call last):
    judge.Wrong: the gateway counted 1× fallback upstream_error, not requests that the LLM ranked
    """
    shown = " · ".join(output.split("\n")).strip(" ·")
    if (first := _first(output)) != BEST:
        raise Wrong(f"text {first} comes first instead of {BEST}: {shown}")
    if re.search("x_rankgate|x-rankgate-status", code) and not re.search(r"\bllm\b", output):
        raise Wrong(f"it prints no status: {shown}")
    if set(counted) != {("llm", "")}:
        raise Wrong(f"the gateway counted {_shown(counted)}, not requests that the LLM ranked")
    asked = sum(counted.values())
    if asked > 1 and output.count(TEXTS[BEST]) < asked:
        raise Wrong(f"it asked {asked} times and shows the right text less often: {shown}")
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _first(output):
    """Which text an output shows first, as itself or, in an answer as it comes, by its index."""
    if index := re.search(r'"index":\s*(\d+)', output):
        return int(index[1])
    places = {output.index(text): number for number, text in enumerate(TEXTS) if text in output}
    return places[min(places)] if places else None


def _order(reply, results):
    """The indexes of a ranking that is one: distinct, with scores in [0, 1] that don't rise."""
    if "error" in reply:
        raise Wrong(f"{reply['error']['name']}: {reply['error']['text']}")
    order = [index for index, _ in reply["ranking"]]
    scores = [score for _, score in reply["ranking"]]
    if len(order) != results:
        raise Wrong(f"{len(order)} results instead of {results}: {order}")
    if len(set(order)) != len(order):
        raise Wrong(f"a document comes twice: {order}")
    if scores != sorted(scores, reverse=True) or not all(0 <= score <= 1 for score in scores):
        raise Wrong(f"scores rise or leave [0, 1]: {scores}")
    return order


def _shown(counted):
    return ", ".join(f"{n}× {' '.join(words).strip()}" for words, n in counted.items()) or "nothing"

"""One function for each Python client: how a user points it at a gateway, and what comes back as (index, score) pairs.

`run.py` starts this within an environment that has the packages. It reads one question a line on stdin, as JSON:
{"client", "url", "model", "query", "documents", "top_n"}, and answers each with one line: {"ranking": [[index, score], …]} or
{"error": {"name", "status", "text"}}. What a client needs is imported when it is first asked. A line {"snippet", "query",
"texts"} is answered with {"output": what the snippet prints}, or an error too.
"""

import concurrent.futures
import contextlib
import importlib.metadata
import io
import json
import os
import sys

KEY = "unused"


def cohere_v2(ask):
    import cohere

    client = cohere.ClientV2(api_key=KEY, base_url=ask.url)
    answer = client.rerank(model=ask.model, query=ask.query, documents=ask.documents, top_n=ask.top_n)
    return [(result.index, result.relevance_score) for result in answer.results]


def cohere_v1(ask):
    import cohere

    client = cohere.Client(api_key=KEY, base_url=ask.url)
    answer = client.rerank(model=ask.model, query=ask.query, documents=ask.documents, top_n=ask.top_n, return_documents=True)
    texts = [ask.documents[result.index] for result in answer.results]
    same(texts, [result.document.text for result in answer.results])
    return [(result.index, result.relevance_score) for result in answer.results]


def langchain_cohere(ask):
    from langchain_cohere import CohereRerank
    from langchain_core.documents import Document

    reranker = CohereRerank(cohere_api_key=KEY, base_url=ask.url, model=ask.model, top_n=ask.top_n)
    documents = [Document(text, metadata={"index": index}) for index, text in enumerate(ask.documents)]
    ranked = reranker.compress_documents(documents, ask.query)
    return [(document.metadata["index"], document.metadata["relevance_score"]) for document in ranked]


def llama_index_cohere(ask):
    from llama_index.postprocessor.cohere_rerank import CohereRerank

    return llama_index(CohereRerank(api_key=KEY, base_url=ask.url, model=ask.model, top_n=ask.top_n), ask)


def llama_index_jina(ask):
    from llama_index.postprocessor.jinaai_rerank import JinaRerank

    return llama_index(JinaRerank(api_key=KEY, base_url=f"{ask.url}/v1", model=ask.model, top_n=ask.top_n), ask)


def llama_index_tei(ask):
    from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

    return llama_index(TextEmbeddingInference(base_url=ask.url, top_n=ask.top_n), ask)


def llama_index(postprocessor, ask):
    from llama_index.core.schema import NodeWithScore, TextNode

    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(index)), score=0.5) for index, text in enumerate(ask.documents)]
    return [(int(node.node_id), node.score) for node in postprocessor.postprocess_nodes(nodes, query_str=ask.query)]


def haystack_cohere(ask):
    from haystack import Document
    from haystack.utils import Secret
    from haystack_integrations.components.rankers.cohere import CohereRanker

    ranker = CohereRanker(api_key=Secret.from_token(KEY), api_base_url=ask.url, model=ask.model, top_k=ask.top_n)
    documents = [Document(id=str(index), content=text) for index, text in enumerate(ask.documents)]
    return [(int(document.id), document.score) for document in ranker.run(query=ask.query, documents=documents)["documents"]]


def voyage(ask):
    import voyageai

    client = voyageai.Client(api_key=KEY, base_url=f"{ask.url}/voyage/v1")
    answer = client.rerank(ask.query, ask.documents, model=ask.model, top_k=ask.top_n)
    same([ask.documents[result.index] for result in answer.results], [result.document for result in answer.results])
    return [(result.index, result.relevance_score) for result in answer.results]


def langchain_voyage(ask):
    from langchain_core.documents import Document
    from langchain_voyageai import VoyageAIRerank

    reranker = VoyageAIRerank(api_key=KEY, base_url=f"{ask.url}/voyage/v1", model=ask.model, top_k=ask.top_n)
    documents = [Document(text, metadata={"index": index}) for index, text in enumerate(ask.documents)]
    ranked = reranker.compress_documents(documents, ask.query)
    return [(document.metadata["index"], document.metadata["relevance_score"]) for document in ranked]


def litellm_cohere(ask):
    return litellm(ask, f"cohere/{ask.model}", ask.url)


def litellm_jina(ask):
    return litellm(ask, f"jina_ai/{ask.model}", ask.url)


def litellm_voyage(ask):
    return litellm(ask, f"voyage/{ask.model}", f"{ask.url}/voyage/v1")


def litellm_vllm(ask):
    return litellm(ask, f"hosted_vllm/{ask.model}", ask.url)


def litellm_infinity(ask):
    return litellm(ask, f"infinity/{ask.model}", ask.url, return_documents=True)


def litellm_tei(ask):
    return litellm(ask, f"huggingface/{ask.model}", ask.url)


def litellm(ask, model, api_base, **more):
    import litellm

    answer = litellm.rerank(model=model, query=ask.query, documents=ask.documents, top_n=ask.top_n, api_base=api_base, api_key=KEY,
                            **more)
    if more.get("return_documents"):
        same([ask.documents[result["index"]] for result in answer.results], [result["document"]["text"] for result in answer.results])
    return [(result["index"], result["relevance_score"]) for result in answer.results]


def rerankers_cohere(ask):
    return rerankers(ask, "cohere", f"{ask.url}/v1/rerank")


def rerankers_jina(ask):
    return rerankers(ask, "jina", f"{ask.url}/v1/rerank")


def rerankers_voyage(ask):
    return rerankers(ask, "voyage", f"{ask.url}/voyage/v1/rerank")


def rerankers_tei(ask):
    return rerankers(ask, "text-embeddings-inference", f"{ask.url}/rerank")


def rerankers(ask, provider, url):
    from rerankers.models.api_rankers import APIRanker

    ranked = APIRanker(ask.model, KEY, provider, url=url).rank(ask.query, ask.documents)
    return [(result.doc_id, result.score) for result in ranked.results]


class Ask:
    """A question of `run.py`."""

    def __init__(self, question):
        self.client = globals()[question["client"]]
        self.url, self.model = question["url"], question["model"]
        self.query, self.documents, self.top_n = question["query"], question["documents"], question["top_n"]


def same(expected, found):
    if expected != found:
        raise AssertionError(f"other documents came back: {found}")


def run(snippet, query, texts):
    """What the code prints: a program of its own, to which the query and the texts are given. It has a thread of its own too,
    since clients keep their connections by thread, and how it makes them is part of some snippets.
    """
    program, given = compile(snippet, "snippet", "exec"), {"__name__": "__main__", "query": query, "texts": texts}
    with contextlib.redirect_stdout(io.StringIO()) as output, concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(exec, program, given).result()
    return output.getvalue()


def answer(question):
    try:
        if "snippet" in question:
            return {"output": run(**question)}
        ask = Ask(question)
        return {"ranking": ask.client(ask)}
    except Exception as error:  # what a client raises is what is being tested
        status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
        return {"error": {"name": type(error).__name__, "status": status, "text": str(error)[:600]}}


def main():
    # Libraries may print: what they say goes to stderr, and stdout is for answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    versions = {dist.metadata["Name"]: dist.version for dist in importlib.metadata.distributions()}
    print(json.dumps({"versions": versions}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()

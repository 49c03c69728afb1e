"""Which clients there are, what each must do in each cell of the table, and what snippets rank."""

from gateways import ALIAS, STRINGS

# Right is the one boot without leather. Its words are not the query's: only who understands the query puts it first.
QUERY = "hiking boots without leather"
IDS = ["tallowin-boot-wax", "corriemhor-glen-classic", "quillfell-hasten-mid", "tarnvik-storrigg-mid", "haverbeck-birch-low",
       "wendlow-kite-low"]
RIGHT = 2

# What the snippets of docs/clients rank, by the same query. Again the right one is not the first one by its words.
TEXTS = ["Boots of full-grain leather, 1.3 kg", "Boots of recycled nylon mesh, 900 g", "Beeswax for leather boots, 100 ml"]
BEST = 1

CELLS = ["success", "empty query", "no documents", "unknown pipeline", "too many requests", "LLM down"]

# What the client does by itself, without asking the gateway; and what it can't be asked.
OWN, NEVER = "client's own check", "-"


class Client:
    """A client, where it asks, and the names of its exceptions by cell."""

    def __init__(self, title, environment, function, package, path, errors, top_n=True, model=ALIAS):
        self.title, self.environment, self.function, self.package, self.path = title, environment, function, package, path
        self.errors = dict(zip(CELLS[1:5], errors))
        self.top_n = top_n  # whether it can ask for fewer than all
        self.model = model


COHERE = ["BadRequestError", "BadRequestError", "NotFoundError", "TooManyRequestsError"]
# For those who hand no empty list on.
COHERE_FEW = ["BadRequestError", OWN, "NotFoundError", "TooManyRequestsError"]
VOYAGE = ["InvalidRequestError", "InvalidRequestError", "InvalidRequestError", "RateLimitError"]
LITELLM = ["BadRequestError", "BadRequestError", "NotFoundError", "RateLimitError"]
# It reads no status and misses the results.
RERANKERS = ["KeyError", OWN, "KeyError", "KeyError"]

CLIENTS = [
    Client("cohere `ClientV2`", "cohere5", "cohere_v2", "cohere", "/v2/rerank", COHERE),
    Client("cohere `Client`", "cohere5", "cohere_v1", "cohere", "/v1/rerank", COHERE),
    Client("cohere `ClientV2`", "cohere7", "cohere_v2", "cohere", "/v2/rerank", COHERE),
    Client("cohere `Client`", "cohere7", "cohere_v1", "cohere", "/v1/rerank", COHERE),
    Client("langchain-cohere", "cohere5", "langchain_cohere", "langchain-cohere", "/v2/rerank", COHERE_FEW),
    Client("langchain-voyageai", "cohere7", "langchain_voyage", "langchain-voyageai", "/voyage/v1/rerank",
           ["InvalidRequestError", OWN, "InvalidRequestError", "RateLimitError"]),
    Client("llama-index cohere-rerank", "cohere5", "llama_index_cohere", "llama-index-postprocessor-cohere-rerank",
           "/v2/rerank", COHERE_FEW),
    Client("llama-index jinaai-rerank", "cohere5", "llama_index_jina", "llama-index-postprocessor-jinaai-rerank", "/v1/rerank",
           ["RuntimeError", OWN, "RuntimeError", "RuntimeError"]),
    # It reads no status and misses scores.
    Client("llama-index tei-rerank", "cohere5", "llama_index_tei", "llama-index-postprocessor-tei-rerank", "/rerank",
           ["AssertionError", OWN, NEVER, "AssertionError"]),
    Client("cohere-haystack", "cohere7", "haystack_cohere", "cohere-haystack", "/v2/rerank", COHERE),
    Client("voyageai", "cohere7", "voyage", "voyageai", "/voyage/v1/rerank", VOYAGE),
    Client("litellm `cohere/`", "cohere7", "litellm_cohere", "litellm", "/v2/rerank", LITELLM),
    Client("litellm `jina_ai/`", "cohere7", "litellm_jina", "litellm", "/v1/rerank", LITELLM),
    Client("litellm `voyage/`", "cohere7", "litellm_voyage", "litellm", "/voyage/v1/rerank",
           ["BadRequestError", "BadRequestError", "BadRequestError", "RateLimitError"]),
    Client("litellm `hosted_vllm/`", "cohere7", "litellm_vllm", "litellm", "/rerank", LITELLM),
    # It can read documents that come back as strings only.
    Client("litellm `infinity/`", "cohere7", "litellm_infinity", "litellm", "/rerank", LITELLM, model=STRINGS),
    # In this API all texts come back.
    Client("litellm `huggingface/`", "cohere7", "litellm_tei", "litellm", "/rerank",
           ["APIError", "BadRequestError", NEVER, "RateLimitError"], top_n=False),
    Client("rerankers cohere", "cohere7", "rerankers_cohere", "rerankers", "/v1/rerank", RERANKERS, top_n=False),
    Client("rerankers jina", "cohere7", "rerankers_jina", "rerankers", "/v1/rerank", RERANKERS, top_n=False),
    Client("rerankers voyage", "cohere7", "rerankers_voyage", "rerankers", "/voyage/v1/rerank", RERANKERS, top_n=False),
    Client("rerankers TEI", "cohere7", "rerankers_tei", "rerankers", "/rerank", ["TypeError", OWN, NEVER, "TypeError"], top_n=False),
    Client("cohere-ai `CohereClientV2`", "node", "cohere_v2", "cohere-ai", "/v2/rerank", COHERE),
    Client("cohere-ai `CohereClient`", "node", "cohere_v1", "cohere-ai", "/v1/rerank", COHERE),
    # Its one exception for all that it is told by a status.
    Client("voyageai (npm)", "node", "voyage", "voyageai", "/voyage/v1/rerank", ["VoyageAIError"] * 4),
    Client("ai with @ai-sdk/cohere", "node", "ai_sdk", "@ai-sdk/cohere", "/v2/rerank",
           ["AI_APICallError", OWN, "AI_APICallError", "AI_RetryError"]),
]

"""`OpenAI` and `ChatOpenAI` of LangChain 0.0.131, over `openai` 0.27."""

from __future__ import annotations

import asyncio

import openai
import pytest
from langchain.callbacks.base import CallbackManager
from langchain.callbacks.streaming_stdout import StreamingStdOutCallbackHandler
from langchain.chat_models import ChatOpenAI
from langchain.llms import OpenAI
from langchain.schema import HumanMessage, SystemMessage

from simulator import Simulator, error

HELLO = "Hello, how are you?"


def printing() -> CallbackManager:
    return CallbackManager([StreamingStdOutCallbackHandler()])


def test_batches(sim: Simulator) -> None:
    prompts = [f"Question {number}" for number in range(25)]
    result = asyncio.run(OpenAI(n=3, best_of=3, temperature=0.9).agenerate(prompts))
    assert [len(generations) for generations in result.generations] == [3] * 25
    for prompt, generations in zip(prompts, result.generations):
        assert all(f'"{prompt}"' in generation.text for generation in generations)
        assert all(generation.generation_info["finish_reason"] == "stop" for generation in generations)
    assert result.llm_output is not None
    usage = result.llm_output["token_usage"]
    assert usage["prompt_tokens"] == 50 and usage["total_tokens"] == 50 + usage["completion_tokens"]
    assert [len(request.body["prompt"]) for request in sim.requests()] == [20, 5]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream(sim: Simulator, capsys: pytest.CaptureFixture[str], is_async: bool) -> None:
    llm = OpenAI(temperature=0, streaming=True, verbose=True, callback_manager=printing())
    result = asyncio.run(llm.agenerate([HELLO])) if is_async else llm.generate([HELLO])
    text = result.generations[0][0].text
    assert text and capsys.readouterr().out == text
    assert result.generations[0][0].generation_info["finish_reason"] == "stop"
    assert OpenAI(temperature=0)(HELLO) == text


def test_chat(sim: Simulator) -> None:
    conversations = [[SystemMessage(content="Be brief."), HumanMessage(content=f"Question {n}")] for n in range(3)]
    result = asyncio.run(ChatOpenAI().agenerate(conversations))
    for number, (generation,) in enumerate(result.generations):
        assert f'"Question {number}"' in generation.message.content == generation.text
    assert result.llm_output is not None and result.llm_output["token_usage"]["prompt_tokens"] == 3 * 5
    assert ChatOpenAI()([HumanMessage(content=HELLO)]).content


def test_a_chat_as_a_stream(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    chat = ChatOpenAI(streaming=True, verbose=True, callback_manager=printing())
    result = asyncio.run(chat.agenerate([[HumanMessage(content=HELLO)]]))
    text = result.generations[0][0].text
    assert text and capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, openai.error.InvalidRequestError),
        (401, openai.error.AuthenticationError),
        (403, openai.error.PermissionError),
        (404, openai.error.InvalidRequestError),
        (429, openai.error.RateLimitError),
        (500, openai.error.APIError),
        (503, openai.error.ServiceUnavailableError),
    ],
)
def test_errors(sim: Simulator, status: int, expected: type[openai.error.OpenAIError]) -> None:
    llm = OpenAI(max_retries=1)
    for ask in (lambda: llm.generate([HELLO]), lambda: asyncio.run(llm.agenerate([HELLO]))):
        sim.fail(error(status, "some_type"))
        with pytest.raises(expected) as caught:
            ask()
        # For 503 the package has words of its own.
        assert status == 503 or "Out of order." in str(caught.value)
        assert type(caught.value) is expected and caught.value.http_status == status
        assert caught.value.headers["x-request-id"].startswith("req_")
    assert len(sim.requests()) == 2


def test_bad_parameters(sim: Simulator) -> None:
    with pytest.raises(openai.error.InvalidRequestError, match="above maximum value") as caught:
        OpenAI(temperature=2.5).generate([HELLO])
    assert (caught.value.param, caught.value.code) == ("temperature", "decimal_above_max_value")


def test_a_rate_limit_is_waited_for(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain waits 4 s whatever the server says, which is not what is tested here."""
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    sim.fail(error(429, "requests", code="rate_limit_exceeded"))
    assert OpenAI()(HELLO)
    assert waits == [4] and len(sim.requests()) == 2


def test_an_error_amid_the_stream(sim: Simulator) -> None:
    sim.fail({"event": {"number": 2, "text": 'data: {"error": {"message": "Too much.", "type": "server_error"}}\n\n'}})
    with pytest.raises(openai.error.APIError, match="Too much"):
        OpenAI(streaming=True, max_retries=1)(HELLO)


def test_a_page_of_a_proxy(sim: Simulator) -> None:
    sim.fail({"page": {"status": 502, "body": "<html>Bad Gateway</html>"}})
    with pytest.raises(openai.error.APIError, match="Bad Gateway"):
        OpenAI(max_retries=1)(HELLO)


def test_a_connection_that_breaks(sim: Simulator) -> None:
    sim.fail("reset")
    with pytest.raises(openai.error.APIConnectionError):
        asyncio.run(OpenAI(max_retries=1).agenerate([HELLO]))

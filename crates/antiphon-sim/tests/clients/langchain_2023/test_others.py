"""`PromptLayerOpenAI`, `PromptLayerChatOpenAI` and `Anthropic` of LangChain 0.0.131."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import anthropic
import pytest
from langchain.callbacks.base import CallbackManager
from langchain.callbacks.streaming_stdout import StreamingStdOutCallbackHandler
from langchain.chat_models import PromptLayerChatOpenAI
from langchain.llms import Anthropic, PromptLayerOpenAI
from langchain.schema import HumanMessage

from tokenizers import Tokenizer, models, pre_tokenizers

from simulator import Simulator, error

HELLO = "Hello, how are you?"


def test_promptlayer(sim: Simulator) -> None:
    llm = PromptLayerOpenAI(temperature=0.9, return_pl_id=True, pl_tags=["page"])
    result = asyncio.run(llm.agenerate([HELLO, "Name a colour."]))
    ids = [generations[0].generation_info["pl_request_id"] for generations in result.generations]
    assert all(isinstance(number, int) for number in ids) and len(set(ids)) == 2
    asked, *logged = sim.requests()
    assert asked.path == "/v1/completions"
    assert [request.path for request in logged] == ["/track-request"] * 2
    for request, (generation,), prompt in zip(logged, result.generations, [HELLO, "Name a colour."]):
        assert request.key_in == ["body"] and request.body["args"] == [prompt]
        assert request.body["function_name"] == "langchain.PromptLayerOpenAI.async"
        assert request.body["tags"] == ["page"]
        assert request.body["request_response"]["text"] == generation.text


def test_promptlayer_chat(sim: Simulator) -> None:
    chat = PromptLayerChatOpenAI(return_pl_id=True)
    conversations = [[HumanMessage(content=HELLO)]]
    for result in (asyncio.run(chat.agenerate(conversations)), chat.generate(conversations)):
        assert isinstance(result.generations[0][0].generation_info["pl_request_id"], int)
    assert [request.path for request in sim.requests()] == ["/v1/chat/completions", "/track-request"] * 2


def test_a_request_that_cannot_be_logged_is_answered_all_the_same(
    sim: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = PromptLayerOpenAI()
    monkeypatch.setattr("promptlayer.utils.URL_API_PROMPTLAYER", f"{sim.url}/nowhere")
    assert llm(HELLO)
    assert "WARNING: While logging your request PromptLayer had the following error" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package measures prompts by Claude's tokenizer, which it fetches unless it has it already: here it has one
    that counts words."""
    cache = tmp_path / "anthropic"
    cache.mkdir()
    words = Tokenizer(models.WordLevel({"word": 0}, unk_token="word"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(cache / "claude_tokenizer_file.json"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def claude(sim: Simulator, **parameters: Any) -> Anthropic:
    """The package of that time has no variable for the address, and LangChain no parameter."""
    llm = Anthropic(**parameters)
    llm.client.api_url = sim.url
    return llm


def test_anthropic(sim: Simulator) -> None:
    result = asyncio.run(claude(sim).agenerate([HELLO, "Name a colour."]))
    texts = [generation.text for (generation,) in result.generations]
    assert all(text.startswith(" ") for text in texts) and '"Name a colour.' in texts[1]
    first, second = sim.requests()
    assert first.path == "/v1/complete" and first.key_in == ["x-api-key"]
    assert "anthropic-version" not in first.headers
    assert first.body["prompt"].startswith(f"\n\nHuman: {HELLO}\n\nAssistant:")
    assert first.body["model"] == "claude-v1" and first.body["max_tokens_to_sample"] == 256
    assert claude(sim)(HELLO).startswith(" ")


@pytest.mark.parametrize("is_async", [False, True])
def test_anthropic_streams(sim: Simulator, capsys: pytest.CaptureFixture[str], is_async: bool) -> None:
    callbacks = CallbackManager([StreamingStdOutCallbackHandler()])
    llm = claude(sim, temperature=0, streaming=True, verbose=True, callback_manager=callbacks)
    result = asyncio.run(llm.agenerate([HELLO])) if is_async else llm.generate([HELLO])
    text = result.generations[0][0].text
    assert text == claude(sim, temperature=0)(HELLO)
    assert capsys.readouterr().out == text


def test_the_events_of_anthropic(sim: Simulator) -> None:
    prompt = f"{anthropic.HUMAN_PROMPT} {HELLO}{anthropic.AI_PROMPT}"
    *events, last = claude(sim, temperature=0).stream(prompt)
    assert all(event["stop_reason"] is None for event in events)
    assert all(later["completion"].startswith(event["completion"]) for event, later in zip(events, events[1:]))
    assert last["completion"] == events[-1]["completion"] and last["stop_reason"] == "stop_sequence"
    assert last["stop"] == anthropic.HUMAN_PROMPT and last["truncated"] is False


def test_errors_of_anthropic(sim: Simulator) -> None:
    sim.fail(error(429, "rate_limit_error"))
    with pytest.raises(anthropic.ApiException, match="429") as caught:
        claude(sim)(HELLO)
    assert caught.value.args[1]["error"] == {"type": "rate_limit_error", "message": "Out of order."}
    with pytest.raises(anthropic.ApiException, match="400") as caught:
        claude(sim, temperature=2)(HELLO)
    assert "temperature" in caught.value.args[1]["error"]["message"]

"""The package `anthropic` in its last version that asks `/v1/complete`, in that endpoint's second dialect."""

from __future__ import annotations

import asyncio

import anthropic
import pytest
from anthropic import AI_PROMPT, HUMAN_PROMPT, Anthropic, AsyncAnthropic

from simulator import Simulator, Start, error

PROMPT = f"{HUMAN_PROMPT} Hello, how are you?{AI_PROMPT}"
# The package says that the endpoint has had its day.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_whole_answer(sim: Simulator) -> None:
    completion = Anthropic().completions.create(model="claude-v1", prompt=PROMPT, max_tokens_to_sample=256)
    assert completion.type == "completion" and completion.id.startswith("compl_") and completion.model == "claude-v1"
    assert completion.completion.startswith(" ") and completion.stop_reason == "stop_sequence"
    short = Anthropic().completions.create(model="claude-v1", prompt=PROMPT, max_tokens_to_sample=2)
    assert short.stop_reason == "max_tokens" and short.completion
    (request, _) = sim.requests()
    assert request.path == "/v1/complete" and request.headers["anthropic-version"] == "2023-06-01"
    assert request.key_in == ["x-api-key"]


def test_a_stream_says_what_is_new(sim: Simulator) -> None:
    client = Anthropic()
    parameters = {"model": "claude-v1", "prompt": PROMPT, "max_tokens_to_sample": 256, "temperature": 0}
    whole = client.completions.create(**parameters)
    *pieces, last = client.completions.create(stream=True, **parameters)
    assert len(pieces) > 3 and "".join(piece.completion for piece in pieces) == whole.completion
    assert all(piece.stop_reason is None for piece in pieces)
    assert (last.completion, last.stop_reason) == ("", "stop_sequence")


def test_streams_at_once(start: Start) -> None:
    start("--latency", "constant:20ms")

    async def one(client: AsyncAnthropic, number: int) -> str:
        prompt = f"{HUMAN_PROMPT} Question {number}{AI_PROMPT}"
        stream = await client.completions.create(
            model="claude-v1", prompt=prompt, max_tokens_to_sample=256, stream=True
        )
        return "".join([piece.completion async for piece in stream])

    async def all_of_them() -> list[str]:
        async with AsyncAnthropic() as client:
            return await asyncio.gather(*(one(client, number) for number in range(10)))

    for number, text in enumerate(asyncio.run(all_of_them())):
        assert f'"Question {number}"' in text


def test_errors(sim: Simulator) -> None:
    parameters = {"model": "claude-v1", "max_tokens_to_sample": 256}
    with pytest.raises(anthropic.BadRequestError, match="prompt must start with"):
        Anthropic().completions.create(prompt="Hello", **parameters)
    sim.fail(error(529, "overloaded_error"))
    with pytest.raises(anthropic.APIStatusError, match="Out of order") as caught:
        Anthropic(max_retries=0).completions.create(prompt=PROMPT, **parameters)
    assert caught.value.status_code == 529
    body = '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    sim.fail({"event": {"number": 2, "text": f"event: error\ndata: {body}\n\n"}})
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(Anthropic().completions.create(prompt=PROMPT, stream=True, **parameters))


def test_messages_with_a_temperature(sim: Simulator) -> None:
    messages = [{"role": "user", "content": "Hello, how are you?"}]
    ask = Anthropic().messages.create
    first, second = (ask(model="m", max_tokens=256, messages=messages, temperature=0) for _ in range(2))
    assert first.content == second.content
    with pytest.raises(anthropic.BadRequestError, match="temperature: Input should be less than or equal to 1"):
        ask(model="m", max_tokens=256, messages=messages, temperature=1.1)

"""The package `anthropic`: whole answers and streams."""

from __future__ import annotations

import asyncio

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from simulator import Simulator, Start

MESSAGES = [{"role": "user", "content": "Hello, how are you?"}]
THINKING = {"type": "enabled", "budget_tokens": 1024}
# The package has no parameter for it any more.
GREEDY = {"temperature": 0}


def test_messages(sim: Simulator) -> None:
    message = Anthropic().messages.create(model="claude-haiku", max_tokens=256, messages=MESSAGES, system="Be brief.")
    assert message.id.startswith("msg_01") and message.role == "assistant" and message.model == "claude-haiku"
    (block,) = message.content
    assert block.type == "text" and block.text
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.usage.input_tokens == 9 and message.usage.output_tokens > 0
    assert message._request_id is not None and message._request_id.startswith("req_01")
    (request,) = sim.requests()
    assert request.path == "/v1/messages" and request.headers["anthropic-version"]


def test_why_it_stops(sim: Simulator) -> None:
    client = Anthropic()
    short = client.messages.create(model="m", max_tokens=1, messages=MESSAGES)
    assert short.stop_reason == "max_tokens" and short.usage.output_tokens == 1
    stopped = client.messages.create(model="m", max_tokens=256, messages=MESSAGES, stop_sequences=["?", ".", "!"])
    assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence in ("?", ".", "!")


def test_raw_responses_name_the_request(sim: Simulator) -> None:
    raw = Anthropic().messages.with_raw_response.create(model="m", max_tokens=9, messages=MESSAGES)
    assert raw.headers["request-id"] == raw.parse()._request_id
    assert int(raw.headers["anthropic-ratelimit-requests-remaining"]) > 0


def test_streams(sim: Simulator) -> None:
    client = Anthropic()
    whole = client.messages.create(model="m", max_tokens=256, messages=MESSAGES, extra_body=GREEDY)
    with client.messages.stream(model="m", max_tokens=256, messages=MESSAGES, extra_body=GREEDY) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 3 and "".join(pieces) == whole.content[0].text == stream.get_final_text()
    assert (final.stop_reason, final.role, final.model) == (whole.stop_reason, whole.role, whole.model)
    assert final.usage == whole.usage


def test_events(sim: Simulator) -> None:
    stream = Anthropic().messages.create(model="m", max_tokens=2, messages=MESSAGES, stream=True)
    assert [event.type for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_thoughts(sim: Simulator) -> None:
    client = Anthropic()
    whole = client.messages.create(model="m", max_tokens=2048, messages=MESSAGES, thinking=THINKING)
    thought, text = whole.content
    assert thought.type == "thinking" and thought.thinking and thought.signature and text.type == "text"
    details = whole.usage.output_tokens_details
    assert details is not None and 0 < details.thinking_tokens < whole.usage.output_tokens

    with client.messages.stream(model="m", max_tokens=2048, messages=MESSAGES, thinking=THINKING) as stream:
        kinds = [event.type for event in stream if event.type in ("thinking", "signature", "text")]
        streamed, _ = stream.get_final_message().content
    assert kinds == sorted(kinds, key=["thinking", "signature", "text"].index)
    assert streamed.type == "thinking" and streamed.thinking == thought.thinking and streamed.signature

    hidden = {**THINKING, "display": "omitted"}
    omitted = client.messages.create(model="m", max_tokens=2048, messages=MESSAGES, thinking=hidden).content[0]
    assert omitted.type == "thinking" and omitted.thinking == "" and omitted.signature


def test_thoughts_in_a_conversation(sim: Simulator) -> None:
    client = Anthropic()
    first = client.messages.create(model="m", max_tokens=2048, messages=MESSAGES, thinking=THINKING)
    turns = [*MESSAGES, {"role": "assistant", "content": first.content}, {"role": "user", "content": "Name a colour."}]
    second = client.messages.create(model="m", max_tokens=2048, messages=turns, thinking=THINKING)
    assert "Name a colour." in second.content[1].text


def test_tokens_are_counted_without_an_answer(sim: Simulator) -> None:
    client = Anthropic()
    counted = client.messages.count_tokens(model="m", messages=MESSAGES, system="Be brief.")
    message = client.messages.create(model="m", max_tokens=9, messages=MESSAGES, system="Be brief.")
    assert counted.input_tokens == message.usage.input_tokens


def test_models(start: Start) -> None:
    start()
    assert [model.id for model in Anthropic().models.list()] == ["claude-haiku", "claude-sonnet"]
    start("--model", "one")
    assert [model.id for model in Anthropic().models.list()] == ["one"]


def test_many_at_once(start: Start) -> None:
    start("--latency", "constant:50ms")

    async def one(client: AsyncAnthropic, number: int) -> str:
        messages = [{"role": "user", "content": f"Question {number}"}]
        if number % 2:
            async with client.messages.stream(model="m", max_tokens=256, messages=messages) as stream:
                return await stream.get_final_text()
        return (await client.messages.create(model="m", max_tokens=256, messages=messages)).content[0].text

    async def all_of_them() -> list[str]:
        async with AsyncAnthropic() as client:
            return await asyncio.gather(*(one(client, number) for number in range(50)))

    for number, text in enumerate(asyncio.run(all_of_them())):
        assert f'"Question {number}"' in text


def test_an_error_amid_the_stream(sim: Simulator) -> None:
    body = '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    sim.fail({"event": {"number": 4, "text": f"event: error\ndata: {body}\n\n"}})
    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught:
        with Anthropic().messages.stream(model="m", max_tokens=256, messages=MESSAGES) as stream:
            list(stream)
    assert caught.value.type == "overloaded_error" and caught.value.status_code == 200
    assert len(sim.requests()) == 1


def test_a_stream_in_single_bytes(sim: Simulator) -> None:
    sim.fail({"pieces": 1})
    messages = [{"role": "user", "content": "Say naïve 🦀."}]
    with Anthropic().messages.stream(model="m", max_tokens=256, messages=messages) as stream:
        assert "Say naïve 🦀." in stream.get_final_text()

"""The package `openai`: streams, whole and broken."""

from __future__ import annotations

import asyncio

import pytest
from openai import APIConnectionError, APIError, APITimeoutError, AsyncOpenAI, OpenAI

from simulator import Simulator, Start

HELLO = "Hello, how are you?"
MESSAGES = [{"role": "user", "content": HELLO}]
USAGE = {"include_usage": True}


def test_completions(sim: Simulator) -> None:
    client = OpenAI()
    whole = client.completions.create(model="m", prompt=HELLO, max_tokens=64, temperature=0)
    stream = client.completions.create(
        model="m", prompt=HELLO, max_tokens=64, temperature=0, stream=True, stream_options=USAGE
    )
    *chunks, last = stream
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == [] and last.usage == whole.usage


def test_chat(sim: Simulator) -> None:
    client = OpenAI()
    whole = client.chat.completions.create(model="m", messages=MESSAGES, temperature=0)
    stream = client.chat.completions.create(
        model="m", messages=MESSAGES, temperature=0, stream=True, stream_options=USAGE
    )
    *chunks, last = stream
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert deltas[0].role == "assistant" and all(delta.role is None for delta in deltas[1:])
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in [*chunks, last]}) == 1
    assert last.choices == [] and last.usage == whole.usage


def test_the_helper_puts_the_answer_together(sim: Simulator) -> None:
    client = OpenAI()
    with client.chat.completions.stream(
        model="m", messages=MESSAGES, temperature=0, n=2, stream_options=USAGE
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert kinds == {"chunk", "content.delta", "content.done"}
    whole = client.chat.completions.create(model="m", messages=MESSAGES, temperature=0, n=2)
    assert [choice.message.content for choice in final.choices] == [c.message.content for c in whole.choices]
    assert final.usage == whole.usage


def test_without_usage_there_is_none(sim: Simulator) -> None:
    stream = OpenAI().chat.completions.create(model="m", messages=MESSAGES, stream=True)
    chunks = list(stream)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_thoughts_come_before_the_answer(sim: Simulator) -> None:
    stream = OpenAI().chat.completions.create(model="deepseek-reasoner", messages=MESSAGES, stream=True)
    kinds = [
        "thought" if getattr(chunk.choices[0].delta, "reasoning_content", None) else "text"
        for chunk in stream
        if getattr(chunk.choices[0].delta, "reasoning_content", None) or chunk.choices[0].delta.content
    ]
    assert set(kinds) == {"thought", "text"} and kinds == sorted(kinds, reverse=True)


def test_streams_at_once(start: Start) -> None:
    start("--latency", "constant:20ms")

    async def one(client: AsyncOpenAI, question: str) -> str:
        messages = [{"role": "user", "content": question}]
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> list[str]:
        async with AsyncOpenAI() as client:
            return await asyncio.gather(*(one(client, f"Question {number}") for number in range(20)))

    for number, text in enumerate(asyncio.run(all_of_them())):
        assert f'"Question {number}"' in text


def test_a_stream_in_single_bytes(sim: Simulator) -> None:
    messages = [{"role": "user", "content": "Say naïve 🦀."}]
    sim.fail({"pieces": 1})
    stream = OpenAI().chat.completions.create(model="m", messages=messages, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "Say naïve 🦀." in text


def test_an_error_amid_the_stream(sim: Simulator) -> None:
    body = '{"error": {"message": "Too much.", "type": "server_error", "param": null, "code": "overloaded"}}'
    sim.fail({"event": {"number": 3, "text": f"data: {body}\n\n"}})
    stream = OpenAI(max_retries=2).chat.completions.create(model="m", messages=MESSAGES, stream=True)
    received = []
    with pytest.raises(APIError, match="Too much") as caught:
        received.extend(stream)
    assert len(received) == 3
    assert (caught.value.type, caught.value.code) == ("server_error", "overloaded")
    assert len(sim.requests()) == 1


def test_a_connection_that_breaks_amid_the_stream(sim: Simulator) -> None:
    sim.fail({"reset_after": 700})
    stream = OpenAI(max_retries=2).chat.completions.create(model="m", messages=MESSAGES, stream=True)
    with pytest.raises(APIConnectionError):
        list(stream)
    assert len(sim.requests()) == 1


def test_a_stream_that_falls_silent(sim: Simulator) -> None:
    sim.fail({"stall_after": 700})
    client = OpenAI(max_retries=0, timeout=0.5)
    with pytest.raises(APITimeoutError):
        list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))

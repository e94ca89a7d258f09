"""The package `ollama`: answers, streams of lines, and its one error."""

from __future__ import annotations

import asyncio

import pytest
from ollama import AsyncClient, Client, ResponseError

from simulator import Simulator, Start, error

HELLO = "Hello, how are you?"
MESSAGES = [{"role": "user", "content": HELLO}]
GREEDY = {"temperature": 0}


def test_chat(sim: Simulator) -> None:
    client = Client()
    whole = client.chat(model="m", messages=MESSAGES, options=GREEDY)
    assert whole.message.role == "assistant" and whole.message.content and whole.message.thinking is None
    assert (whole.model, whole.done, whole.done_reason) == ("m", True, "stop")
    assert whole.prompt_eval_count == 6 and whole.eval_count

    *parts, last = client.chat(model="m", messages=MESSAGES, options=GREEDY, stream=True)
    assert not any(part.done for part in parts) and last.done and last.done_reason == "stop"
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert last.eval_count == whole.eval_count == len(parts)


def test_generate(sim: Simulator) -> None:
    client = Client()
    whole = client.generate(model="m", prompt=HELLO, options=GREEDY)
    assert whole.response and whole.done_reason == "stop"
    *parts, last = client.generate(model="m", prompt=HELLO, options=GREEDY, stream=True)
    assert "".join(part.response for part in parts) == whole.response
    assert last.done and last.response == ""
    short = client.generate(model="m", prompt=HELLO, options={"num_predict": 2})
    assert short.done_reason == "length" and short.eval_count == 2


def test_thoughts(sim: Simulator) -> None:
    client = Client()
    whole = client.chat(model="m", messages=MESSAGES, think=True)
    assert whole.message.thinking and whole.message.content
    parts = list(client.chat(model="m", messages=MESSAGES, think="low", stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == whole.message.thinking
    generated = client.generate(model="m", prompt=HELLO, think=True)
    assert generated.thinking == whole.message.thinking and generated.response
    assert client.chat(model="m", messages=MESSAGES, think=False).message.thinking is None


def test_models(start: Start) -> None:
    start()
    assert [model.model for model in Client().list().models] == ["llama3.2:latest"]
    start("--model", "one", "--model", "two")
    assert [model.model for model in Client().list().models] == ["one", "two"]


def test_many_at_once(start: Start) -> None:
    start("--latency", "constant:50ms")

    async def one(client: AsyncClient, number: int) -> str:
        messages = [{"role": "user", "content": f"Question {number}"}]
        if number % 2:
            parts = [part async for part in await client.chat(model="m", messages=messages, stream=True)]
            return "".join(part.message.content or "" for part in parts)
        return (await client.chat(model="m", messages=messages)).message.content or ""

    async def all_of_them() -> list[str]:
        client = AsyncClient()
        return await asyncio.gather(*(one(client, number) for number in range(50)))

    for number, text in enumerate(asyncio.run(all_of_them())):
        assert f'"Question {number}"' in text


def test_an_unknown_model(start: Start) -> None:
    start("--model", "m", "--latency", "none")
    client = Client()
    for ask in (
        lambda: client.chat(model="gone", messages=MESSAGES),
        lambda: client.generate(model="gone", prompt=HELLO),
        lambda: list(client.chat(model="gone", messages=MESSAGES, stream=True)),
    ):
        with pytest.raises(ResponseError) as caught:
            ask()
        assert (caught.value.status_code, caught.value.error) == (404, "model 'gone' not found")
    assert client.chat(model="m", messages=MESSAGES).done
    # As the server, it adds the tag that is meant when none is said.
    start("--model", "llama3.2:latest", "--latency", "none")
    assert Client().chat(model="llama3.2", messages=MESSAGES).done


def test_errors(sim: Simulator) -> None:
    client = Client()
    sim.fail(error(503, message="server busy"), error(500))
    for status, text in ((503, "server busy"), (500, "Out of order.")):
        with pytest.raises(ResponseError) as caught:
            client.chat(model="m", messages=MESSAGES)
        assert (caught.value.status_code, caught.value.error) == (status, text)
    with pytest.raises(ResponseError) as caught:
        client.chat(model="m", messages=[{"role": "nobody", "content": HELLO}])
    assert caught.value.status_code == 400


def test_an_error_amid_the_stream(sim: Simulator) -> None:
    sim.fail({"event": {"number": 3, "text": '{"error": "out of memory"}\n'}})
    received = []
    with pytest.raises(ResponseError, match="out of memory"):
        for part in Client().chat(model="m", messages=MESSAGES, stream=True):
            received.append(part)
    assert len(received) == 3


def test_a_stream_in_single_bytes(sim: Simulator) -> None:
    sim.fail({"pieces": 1})
    parts = Client().generate(model="m", prompt="Say naïve 🦀.", stream=True)
    assert "Say naïve 🦀." in "".join(part.response for part in parts)

"""The package `openai`: whole answers, one and many at a time."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI, OpenAI

from simulator import Simulator, Start

HELLO = "Hello, how are you?"
MESSAGES = [{"role": "user", "content": HELLO}]


def test_completions(sim: Simulator) -> None:
    completion = OpenAI().completions.create(
        model="gpt-3.5-turbo-instruct", prompt=[HELLO, "Name a colour."], n=2, max_tokens=256, temperature=0.9
    )
    assert completion.id.startswith("cmpl-") and completion.object == "text_completion"
    assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]
    assert {choice.finish_reason for choice in completion.choices} == {"stop"}
    assert all(choice.text.startswith("\n\n") for choice in completion.choices)
    assert "Name a colour." in completion.choices[2].text and "Name a colour." not in completion.choices[1].text
    usage = completion.usage
    assert usage is not None
    assert usage.prompt_tokens == 10 and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    (request,) = sim.requests()
    assert request.path == "/v1/completions" and request.key_in == ["authorization"]


def test_a_limit_on_tokens_is_a_finish_reason(sim: Simulator) -> None:
    completion = OpenAI().completions.create(model="m", prompt=HELLO, max_tokens=2)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None and completion.usage.completion_tokens == 2
    chat = OpenAI().chat.completions.create(model="m", messages=MESSAGES, max_completion_tokens=2)
    assert chat.choices[0].finish_reason == "length"


def test_chat_completions(sim: Simulator) -> None:
    answer = OpenAI().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, n=2, seed=7)
    assert answer.id.startswith("chatcmpl-") and answer.model == "gpt-4o-mini"
    assert answer.system_fingerprint == "antiphon-sim"
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert choice.finish_reason == "stop"
        assert choice.message.role == "assistant" and choice.message.content and choice.message.refusal is None
    usage = answer.usage
    assert usage is not None and usage.prompt_tokens == 6
    assert usage.completion_tokens_details is not None and usage.completion_tokens_details.reasoning_tokens == 0
    again = OpenAI().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, n=2, seed=7)
    assert [choice.message for choice in again.choices] == [choice.message for choice in answer.choices]


def test_raw_responses_name_the_request(sim: Simulator) -> None:
    raw = OpenAI().chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
    assert raw.request_id is not None and raw.request_id.startswith("req_")
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.parse()._request_id == raw.request_id
    assert int(raw.headers["x-ratelimit-remaining-requests"]) < int(raw.headers["x-ratelimit-limit-requests"])
    assert raw.headers["openai-processing-ms"].isdigit()


def test_thoughts(sim: Simulator) -> None:
    answer = OpenAI().chat.completions.create(model="deepseek-reasoner", messages=MESSAGES)
    message = answer.choices[0].message
    assert message.content and getattr(message, "reasoning_content")
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    reasoning = answer.usage.completion_tokens_details.reasoning_tokens
    assert reasoning is not None and 0 < reasoning < answer.usage.completion_tokens


def test_models(start: Start) -> None:
    start()
    assert "gpt-4o-mini" in [model.id for model in OpenAI().models.list()]
    start("--model", "one", "--model", "two")
    assert [model.id for model in OpenAI().models.list()] == ["one", "two"]


def test_many_at_once_get_the_answers_that_as_many_in_a_row_get(start: Start) -> None:
    """The answers to equal questions differ, but not by who asks first."""
    calls = 100
    start("--latency", "none", "--seed", "7")
    with OpenAI() as client:
        in_a_row = [client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(calls)]

    async def at_once() -> list[str | None]:
        async with AsyncOpenAI() as client:
            asked = [client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(calls)]
            answers = await asyncio.gather(*asked)
        assert len({answer.id for answer in answers}) == calls
        return [answer.choices[0].message.content for answer in answers]

    sim = start("--latency", "constant:50ms", "--seed", "7")
    answers = asyncio.run(at_once())
    expected = [answer.choices[0].message.content for answer in in_a_row]
    assert sorted(map(str, answers)) == sorted(map(str, expected)) and len(set(answers)) > 5
    assert len(sim.requests()) == calls

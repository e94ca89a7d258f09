"""The package `openai`: what is refused, what breaks, and what is tried again."""

from __future__ import annotations

import logging

import openai
import pytest
from openai import OpenAI

from simulator import Simulator, Start, error

MESSAGES = [{"role": "user", "content": "Hello, how are you?"}]
RETRY = "openai._base_client"


def ask(client: OpenAI, model: str = "m", **more: object) -> str | None:
    return client.chat.completions.create(model=model, messages=MESSAGES, **more).choices[0].message.content


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_a_class_for_each_status(sim: Simulator, status: int, expected: type[openai.APIStatusError]) -> None:
    sim.fail(error(status, "some_type", code="some_code", param="some_param"))
    with pytest.raises(expected, match="Out of order") as caught:
        ask(OpenAI(max_retries=0))
    assert type(caught.value) is expected and caught.value.status_code == status
    assert (caught.value.type, caught.value.code, caught.value.param) == ("some_type", "some_code", "some_param")
    assert caught.value.request_id is not None and caught.value.request_id.startswith("req_")
    assert len(sim.requests()) == 1
    assert ask(OpenAI(max_retries=0))


def test_a_missing_key(start: Start) -> None:
    start("--require-key", "--latency", "none")
    with pytest.raises(openai.AuthenticationError, match="You didn't provide an API key"):
        ask(OpenAI(), extra_headers={"Authorization": openai.Omit()})
    assert ask(OpenAI(api_key="any"))


def test_an_unknown_model(start: Start) -> None:
    sim = start("--model", "m", "--latency", "none")
    for create in (ask, lambda client, model: client.completions.create(model=model, prompt="Hi")):
        with pytest.raises(openai.NotFoundError, match="`gone` does not exist") as caught:
            create(OpenAI(), "gone")
        assert caught.value.code == "model_not_found"
    assert len(sim.requests()) == 2
    assert ask(OpenAI())


def test_bad_parameters(sim: Simulator) -> None:
    def refused(code: str | None, param: str | None, **parameters: object) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(OpenAI(), **parameters)
        assert (caught.value.code, caught.value.param) == (code, param), caught.value
        assert caught.value.type == "invalid_request_error"

    refused("decimal_above_max_value", "temperature", temperature=2.1)
    refused("integer_below_min_value", "n", n=0)
    refused("array_above_max_length", "stop", stop=list("abcde"))
    refused(None, "stream_options", stream_options={"include_usage": True})
    refused("unsupported_parameter", "max_tokens", model="gpt-5-mini", max_tokens=10)
    refused("unsupported_value", "temperature", model="gpt-5-mini", temperature=0.5)
    refused("invalid_value", "messages[0].role", extra_body={"messages": [{"role": "nobody", "content": "Hi"}]})
    refused("empty_array", "messages", extra_body={"messages": []})
    assert len(sim.requests()) == 8


def test_an_unknown_path(sim: Simulator) -> None:
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        OpenAI().post("/nothing", cast_to=object, body={})


@pytest.mark.parametrize(
    ("header", "value", "seconds"), [("retry-after-ms", "30", 0.03), ("retry-after", "0.05", 0.05)]
)
def test_a_rate_limit_says_how_long_to_wait(
    sim: Simulator, caplog: pytest.LogCaptureFixture, header: str, value: str, seconds: float
) -> None:
    limit = error(429, "requests", code="rate_limit_exceeded", headers={header: value})
    sim.fail(limit, limit)
    with caplog.at_level(logging.INFO, RETRY):
        assert ask(OpenAI())
    assert len(sim.requests()) == 3
    waits = [record.args[0] for record in caplog.records if record.msg.startswith("Retrying request")]
    assert waits == [seconds, seconds]


def test_what_is_not_tried_again(sim: Simulator) -> None:
    sim.fail(error(429, headers={"retry-after": "3600"}), error(500, headers={"x-should-retry": "false"}))
    with pytest.raises(openai.RateLimitError):
        ask(OpenAI(max_retries=5))
    with pytest.raises(openai.InternalServerError):
        ask(OpenAI(max_retries=5))
    assert len(sim.requests()) == 2


def test_the_last_attempt_is_the_one_that_is_reported(sim: Simulator) -> None:
    again = {"retry-after-ms": "1"}
    sim.fail(error(500, headers=again), error(503, headers=again), error(429, "requests"))
    with pytest.raises(openai.RateLimitError):
        ask(OpenAI(max_retries=2))
    assert len(sim.requests()) == 3


def test_a_page_of_a_proxy(sim: Simulator) -> None:
    sim.fail({"page": {"status": 502, "body": "<html>Bad Gateway</html>"}})
    with pytest.raises(openai.InternalServerError) as caught:
        ask(OpenAI(max_retries=0))
    assert "Bad Gateway" in caught.value.response.text


def test_a_connection_that_breaks(sim: Simulator) -> None:
    sim.fail("reset")
    with pytest.raises(openai.APIConnectionError):
        ask(OpenAI(max_retries=0))
    sim.fail("reset")
    assert ask(OpenAI(max_retries=1))
    assert len(sim.requests()) == 3


def test_no_answer_at_all(sim: Simulator) -> None:
    sim.fail("stall")
    with pytest.raises(openai.APITimeoutError):
        ask(OpenAI(max_retries=0, timeout=0.5))

"""The package `anthropic`: what is refused, what breaks, and what is tried again."""

from __future__ import annotations

import anthropic
import pytest
from anthropic import Anthropic

from simulator import Simulator, Start, error

MESSAGES = [{"role": "user", "content": "Hello, how are you?"}]


def ask(client: Anthropic, **more: object) -> str:
    parameters = {"model": "m", "max_tokens": 256, "messages": MESSAGES, **more}
    return client.messages.create(**parameters).content[0].text


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (402, "billing_error", anthropic.PaymentRequiredError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.RequestTooLargeError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (504, "timeout_error", anthropic.DeadlineExceededError),
        (529, "overloaded_error", anthropic.OverloadedError),
    ],
)
def test_a_class_for_each_status(
    sim: Simulator, status: int, kind: str, expected: type[anthropic.APIStatusError]
) -> None:
    sim.fail(error(status, kind))
    with pytest.raises(expected, match="Out of order") as caught:
        ask(Anthropic(max_retries=0))
    assert type(caught.value) is expected and caught.value.status_code == status
    assert caught.value.type == kind
    assert caught.value.request_id is not None and caught.value.request_id.startswith("req_01")
    assert len(sim.requests()) == 1
    assert ask(Anthropic(max_retries=0))


def test_a_missing_key(start: Start) -> None:
    start("--require-key", "--latency", "none")
    absent = {"Authorization": anthropic.Omit(), "X-Api-Key": anthropic.Omit()}
    with pytest.raises(anthropic.AuthenticationError) as caught:
        ask(Anthropic(), extra_headers=absent)
    assert caught.value.type == "authentication_error"
    assert ask(Anthropic(api_key="any")) and ask(Anthropic(auth_token="any"))


def test_an_unknown_model(start: Start) -> None:
    sim = start("--model", "m", "--latency", "none")
    with pytest.raises(anthropic.NotFoundError, match="model: gone") as caught:
        ask(Anthropic(), model="gone")
    assert caught.value.type == "not_found_error"
    assert len(sim.requests()) == 1
    assert ask(Anthropic())


def test_bad_parameters(sim: Simulator) -> None:
    def refused(message: str, **parameters: object) -> None:
        with pytest.raises(anthropic.BadRequestError, match=message) as caught:
            ask(Anthropic(), **parameters)
        assert caught.value.type == "invalid_request_error"

    refused("temperature: Input should be less than or equal to 1", extra_body={"temperature": 1.1})
    refused("max_tokens: Input should be greater than or equal to 1", max_tokens=0)
    refused("at least one message is required", messages=[])
    refused("top-level `system` parameter", messages=[{"role": "system", "content": "Hi"}])
    refused("budget_tokens: Input should be greater", thinking={"type": "enabled", "budget_tokens": 9})
    refused("must be greater than `thinking.budget_tokens`", thinking={"type": "enabled", "budget_tokens": 1024})
    assert len(sim.requests()) == 6


@pytest.mark.parametrize("headers", [{"retry-after-ms": "30"}, {"retry-after": "0.05"}])
def test_what_is_tried_again(sim: Simulator, headers: dict[str, str]) -> None:
    sim.fail(error(429, "rate_limit_error", headers=headers), error(529, "overloaded_error", headers=headers))
    assert ask(Anthropic())
    assert len(sim.requests()) == 3


def test_what_is_not_tried_again(sim: Simulator) -> None:
    sim.fail(error(500, "api_error", headers={"x-should-retry": "false"}))
    with pytest.raises(anthropic.InternalServerError):
        ask(Anthropic(max_retries=5))
    assert len(sim.requests()) == 1


def test_what_breaks(sim: Simulator) -> None:
    sim.fail("reset", {"page": {"status": 502, "body": "<html>Bad Gateway</html>"}}, "stall")
    with pytest.raises(anthropic.APIConnectionError):
        ask(Anthropic(max_retries=0))
    with pytest.raises(anthropic.InternalServerError) as caught:
        ask(Anthropic(max_retries=0))
    assert "Bad Gateway" in caught.value.response.text
    with pytest.raises(anthropic.APITimeoutError):
        ask(Anthropic(max_retries=0, timeout=0.5))

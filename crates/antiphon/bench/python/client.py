"""LangChain, measured like the clients of src/measure.rs, which says what the figures mean."""

import asyncio
import os
import ssl
import sys
import time

import langchain

SERIAL = 10
ROUNDS = 5
ROUNDS_TIME = 1.5
PATIENCE = 20
QUESTION = "Hello, how are you?"


def old(protocol, url, certificate):
    """LangChain 0.0.131: as its documentation has it."""
    import openai
    from langchain.chat_models import ChatOpenAI
    from langchain.schema import HumanMessage

    # Its own setting of the address does not reach openai.
    openai.api_base = url + "/v1"
    assert protocol == "HTTP/1.1", "openai 0.27 speaks HTTP/1.1 only"
    llm = ChatOpenAI(model_name="m", openai_api_key="k", max_retries=1)
    messages = [[HumanMessage(content=QUESTION)]]

    async def call():
        result = await llm.agenerate(messages)
        assert result.generations[0][0].text

    return call


def new(protocol, url, certificate):
    """The newest LangChain: as its documentation has it, with a client of our own only for HTTP/2."""
    from langchain_openai import ChatOpenAI

    settings = {}
    if protocol != "HTTP/1.1":
        import httpx2
        from openai import DEFAULT_CONNECTION_LIMITS, DEFAULT_TIMEOUT

        settings["http_async_client"] = httpx2.AsyncClient(
            # Without TLS only a client that knows no HTTP/1.1 speaks HTTP/2.
            http1=bool(certificate),
            http2=True,
            verify=ssl.create_default_context(cadata=certificate) if certificate else True,
            limits=DEFAULT_CONNECTION_LIMITS,
            timeout=DEFAULT_TIMEOUT,
        )
    llm = ChatOpenAI(model="m", api_key="k", base_url=url + "/v1", max_retries=0, **settings)

    async def call():
        answer = await llm.ainvoke(QUESTION)
        assert answer.text

    return call


def memory(name):
    with open("/proc/self/status") as status:
        return next(float(line.split()[1]) for line in status if line.startswith(name))


def sockets():
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
        except OSError:
            pass
    return count


async def rounds(call, protocol, calls, ideal):
    async def round(calls):
        start = time.monotonic()
        results = await asyncio.gather(*[call() for _ in range(calls)], return_exceptions=True)
        wall = time.monotonic() - start
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            print(f"{len(errors)} errors, the first: {errors[0]!r}", file=sys.stderr)
        return wall, len(errors)

    before, cpu = memory("VmRSS:"), time.process_time()
    cold, errors = await round(calls)
    per_call = (memory("VmHWM:") - before) / calls
    walls, begun = [], time.monotonic()
    if cold < PATIENCE:
        cpu = time.process_time()
        while not walls or (len(walls) < ROUNDS and time.monotonic() - begun < ROUNDS_TIME):
            wall, failed = await round(calls)
            walls.append(wall)
            errors += failed
    cpu = (time.process_time() - cpu) * 1e6 / (max(len(walls), 1) * calls)
    open_sockets = sockets()
    serial = 0.0
    if calls == SERIAL and protocol == "HTTP/1.1":
        start = time.monotonic()
        for _ in range(SERIAL):
            errors += (await round(1))[1]
        serial = time.monotonic() - start
    walls.sort()
    warm = walls[len(walls) // 2] / ideal if walls else float("nan")
    print(cold / ideal, warm, cpu, per_call, open_sockets, errors, serial / ideal)


def main():
    ideal, protocol, calls, _latency, url = sys.argv[1:]
    make = old if langchain.__version__ == "0.0.131" else new
    call = make(protocol, url, os.environ.get("ANTIPHON_BENCH_CERTIFICATE", ""))
    asyncio.run(rounds(call, protocol, int(calls), float(ideal)))


main()

"""Requests as front ends other than nbclient send them."""

from __future__ import annotations

from support import LIMIT, Kernel, ask, next_of


def test_quartos_inline_expressions(kernel: Kernel) -> None:
    """Quarto sends all expressions of a cell with it, or with a cell that is empty."""
    kernel.run("let answer = 42; let page = tokio::Markdown(\"*hi*\");").ok()
    expressions = {"0": "answer", "1": "page", "2": "no_such_name", "3": "answer;"}
    shown = kernel.run("", silent=False, store_history=False, user_expressions=expressions).ok()
    values = shown.reply["user_expressions"]
    assert set(values) == set(expressions)
    assert values["0"]["status"] == "ok" and values["0"]["data"]["text/plain"] == "42"
    assert values["0"]["metadata"] == {}
    assert values["1"]["data"]["text/markdown"] == "*hi*"
    assert values["2"]["status"] == "error" and values["2"]["ename"] == "CompileError"
    assert values["2"]["evalue"] and values["2"]["traceback"]
    assert values["3"]["status"] == "ok"
    # Values are in the reply alone, and an expression that fails does not fail its cell.
    assert shown.outputs == []


def test_mystmds_inline_expressions(kernel: Kernel) -> None:
    """mystmd sends `code: ""`, with `allow_stdin` off, and awaits a result."""
    kernel.run("let name = \"Ada\";").ok()
    content = {
        "code": "",
        "silent": False,
        "store_history": False,
        "allow_stdin": False,
        "stop_on_error": False,
        "user_expressions": {"result": "name"},
    }
    message = kernel.client.session.msg("execute_request", content)
    kernel.client.shell_channel.send(message)
    shown = kernel.finish(message["header"]["msg_id"]).ok()
    assert shown.reply["user_expressions"]["result"]["data"]["text/plain"] == '"Ada"'


def test_expressions_of_a_cell_that_fails_are_not_evaluated(kernel: Kernel) -> None:
    shown = kernel.run('panic!("first")', user_expressions={"a": "println!(\"never\")"}).failed("Panic")
    assert shown.reply["user_expressions"] == {}


def test_a_request_may_leave_fields_out(kernel: Kernel) -> None:
    """Zed and scripts send what they need."""
    message = kernel.client.session.msg("execute_request", {"code": "1 + 1"})
    kernel.client.shell_channel.send(message)
    assert kernel.finish(message["header"]["msg_id"]).ok().result == "2"


def test_quartos_comm_is_closed(kernel: Kernel) -> None:
    """Quarto opens a comm when it takes over a kernel that it has kept warm; nobody listens to it here."""
    client = kernel.client
    content = {"comm_id": "c0ffee", "target_name": "quarto_kernel_setup", "data": {"options": {"cwd": "/"}}}
    message = client.session.msg("comm_open", content)
    client.shell_channel.send(message)
    told = []
    while not told or told[-1]["content"].get("execution_state") != "idle":
        told.append(client.get_iopub_msg(timeout=30))
        if told[-1]["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            told.pop()
    assert [it["msg_type"] for it in told] == ["status", "comm_close", "status"]
    assert told[1]["content"]["comm_id"] == "c0ffee"
    assert ask(client, "comm_info_request", {})["content"] == {"status": "ok", "comms": {}}
    assert kernel.run("40 + 2").ok().result == "42"


def test_a_silent_cell_shows_nothing_and_counts_nothing(kernel: Kernel) -> None:
    before = kernel.run("0").reply["execution_count"]
    shown = kernel.run('println!("hidden"); display("hidden"); let from_silent = 5; 7', silent=True).ok()
    assert {message["msg_type"] for message in shown.messages} == {"status"}
    after = kernel.run("from_silent").ok()
    assert after.result == "5"
    assert after.reply["execution_count"] == before + 1
    shown = kernel.run('panic!("hidden")', silent=True)
    assert shown.status == "error" and shown.outputs == []


def test_a_cell_that_is_not_stored_counts_nothing(kernel: Kernel) -> None:
    before = kernel.run("0").reply["execution_count"]
    code = 'println!("shown but not stored");'
    shown = kernel.run(code, store_history=False).ok()
    assert shown.stream() == "shown but not stored\n"
    assert shown.reply["execution_count"] == before
    assert kernel.run("0").reply["execution_count"] == before + 1
    history = ask(kernel.client, "history_request", {"hist_access_type": "tail", "n": 100, "raw": True, "output": False})
    assert code not in [entry[2] for entry in history["content"]["history"]]


def test_a_failure_aborts_what_was_sent_before_it(kernel: Kernel) -> None:
    requests = [
        kernel.start('tokio::time::sleep(Duration::from_millis(200)).await; panic!("stops the rest")'),
        kernel.start('println!("aborted");'),
        kernel.start('println!("aborted too");', stop_on_error=False),
    ]
    first, *aborted = [kernel.finish(request) for request in requests]
    first.failed("Panic")
    for shown in aborted:
        assert shown.status == "aborted"
        assert [message["content"].get("execution_state") for message in shown.messages] == ["busy", "idle"]
    assert kernel.run('println!("not aborted");').ok().stream() == "not aborted\n"


def test_a_failure_that_does_not_stop_leaves_the_rest(kernel: Kernel) -> None:
    requests = [
        kernel.start('panic!("does not stop the rest")', stop_on_error=False),
        kernel.start('println!("runs");'),
    ]
    first, second = [kernel.finish(request) for request in requests]
    first.failed("Panic")
    assert second.ok().stream() == "runs\n"


def test_requests_are_answered_while_a_cell_runs(kernel: Kernel) -> None:
    client = kernel.client
    running = kernel.start('println!("started"); while !std::path::Path::new("go").exists() { \
        tokio::time::sleep(Duration::from_millis(10)).await; } "done"')
    kernel.until_text(running, "started")
    for msg_type, content in [
        ("kernel_info_request", {}),
        ("complete_request", {"code": "Inst", "cursor_pos": 4}),
        ("inspect_request", {"code": "Instant", "cursor_pos": 7, "detail_level": 0}),
        ("is_complete_request", {"code": "fn f() {"}),
        ("history_request", {"hist_access_type": "tail", "n": 1, "raw": True, "output": False}),
        ("comm_info_request", {"target_name": "any"}),
        ("connect_request", {}),
    ]:
        reply = ask(client, msg_type, content)
        assert reply["msg_type"] == msg_type.replace("_request", "_reply")
        assert reply["content"]["status"] in ("ok", "incomplete"), reply
        assert not (kernel.cwd / "go").exists()
    (kernel.cwd / "go").touch()
    assert kernel.finish(running).ok().result == '"done"'
    (kernel.cwd / "go").unlink()


def test_an_unknown_request_is_refused(kernel: Kernel) -> None:
    for channel in ("shell", "control"):
        content = ask(kernel.client, "debug_everything_request", {"a": 1}, channel)["content"]
        assert content["status"] == "error" and "debug_everything_request" in content["evalue"]


def test_what_a_request_must_have(kernel: Kernel) -> None:
    """A content of another form gets an error, and a `null` where a default is meant is taken for it."""
    content = ask(kernel.client, "execute_request", {"code": 5})["content"]
    assert content["status"] == "error" and content["ename"] == "BadRequest"
    message = kernel.client.session.msg("execute_request", {"code": "5", "user_expressions": None})
    kernel.client.shell_channel.send(message)
    assert kernel.finish(message["header"]["msg_id"]).ok().result == "5"


def test_input_comes_from_the_front_end(kernel: Kernel) -> None:
    """As the crate evcxr_input asks for it."""
    client = kernel.client
    ask_for_it = 'println!("EVCXR_INPUT_REQUEST:Name: "); let mut line = String::new(); \
        std::io::stdin().read_line(&mut line)?; println!("hello {}", line.trim());'
    asked = kernel.start(ask_for_it, allow_stdin=True)
    question = client.get_stdin_msg(timeout=60)
    assert question["msg_type"] == "input_request"
    assert question["parent_header"]["msg_id"] == asked
    assert question["content"] == {"prompt": "Name: ", "password": False}
    client.input("Ada: Countess")
    assert kernel.finish(asked).ok().stream() == "hello Ada: Countess\n"

    asked = kernel.start(ask_for_it.replace("REQUEST:", "REQUEST_PASSWORD:"), allow_stdin=True)
    assert client.get_stdin_msg(timeout=60)["content"]["password"] is True
    client.input("s3cret")
    assert kernel.finish(asked).ok().stream() == "hello s3cret\n"

    # nbclient and others cannot ask: the cell gets an empty line, and is told why.
    shown = kernel.run(ask_for_it, allow_stdin=False).ok()
    assert shown.stream() == "hello \n"
    assert "input" in shown.stream("stderr")


def test_positions_are_code_points(kernel: Kernel) -> None:
    code = 'let t = "\u00fc\U0001f980"; t.to_upperc'
    content = ask(kernel.client, "complete_request", {"code": code, "cursor_pos": len(code)})["content"]
    assert "to_uppercase()" in content["matches"]
    assert content["cursor_start"] == len(code) - len("to_upperc")
    assert content["cursor_end"] == len(code)


def test_output_of_a_task_that_a_cell_left_is_not_lost(kernel: Kernel) -> None:
    """It goes to the cell that spawned it, or to the cell that runs then; never nowhere, never in an idle kernel's way."""
    kernel.run('let (tell, told) = tokio::sync::oneshot::channel::<()>(); \
        let task = tokio::spawn(async move { told.await.ok(); println!("late line"); });').ok()
    shown = kernel.run("tell.send(()).ok(); task.await?;").ok()
    assert shown.stream() == "late line\n" or shown.outputs == []


def test_partial_lines_show_while_the_cell_runs(kernel: Kernel) -> None:
    running = kernel.start('{ use std::io::Write; print!("half a line"); std::io::stdout().flush()?; } \
        while !std::path::Path::new("go").exists() { tokio::time::sleep(Duration::from_millis(10)).await; } println!(".");')
    kernel.until_text(running, "half a line")
    (kernel.cwd / "go").touch()
    assert kernel.finish(running).ok().stream() == ".\n"
    (kernel.cwd / "go").unlink()


def test_a_hundred_thousand_lines_are_few_messages(kernel: Kernel) -> None:
    shown = kernel.run('for number in 0..100_000 { println!("line {number}"); }').ok()
    assert shown.stream() == "".join(f"line {number}\n" for number in range(100_000))
    assert len(shown.contents("stream")) < 2000


def test_two_clients_at_once(kernel: Kernel) -> None:
    other = kernel.another_client()
    try:
        mine = [kernel.start(f'println!("mine {number}");') for number in range(3)]
        theirs = [other.execute(f'println!("theirs {number}");') for number in range(3)]
        # In whatever order: a ROUTER takes turns with its clients. Each sees what all cells show.
        expected = {msg_id: f"mine {number}\n" for number, msg_id in enumerate(mine)}
        expected |= {msg_id: f"theirs {number}\n" for number, msg_id in enumerate(theirs)}
        for client, own in [(kernel.client, mine), (other, theirs)]:
            shown, ended = dict.fromkeys(expected, ""), set()
            while ended != set(expected):
                message = client.get_iopub_msg(timeout=LIMIT)
                parent = message["parent_header"].get("msg_id")
                if parent in expected and message["msg_type"] == "stream":
                    shown[parent] += message["content"]["text"]
                if parent in expected and message["content"].get("execution_state") == "idle":
                    ended.add(parent)
            assert shown == expected
            for msg_id in own:
                assert next_of(client.get_shell_msg, msg_id, LIMIT)["content"]["status"] == "ok"
    finally:
        other.stop_channels()

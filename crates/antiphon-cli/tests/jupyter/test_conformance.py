"""jupyter_kernel_test, https://github.com/jupyter/jupyter_kernel_test, with every sample filled in."""

import unittest

import jupyter_kernel_test

from support import SIMULATED


class KernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = SIMULATED
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("to standard error");'
    completion_samples = [
        {"text": "Instant::now().elap", "matches": ["elapsed()"]},
        {"text": "let answer: Option<u8> = None; answer.is_no", "matches": ["is_none()", "is_none_or(f)"]},
        {"text": "no_such_name_anywhere", "matches": []},
    ]
    complete_code_samples = ["1 + 1", "let x = 3;", "fn f() {\n    1;\n}", ":vars", '"a // b"', ""]
    incomplete_code_samples = ["fn f() {", "vec![1,", '"open', "/* open", "if x {\n    y();"]
    invalid_code_samples = ["let y = );", "}", "fn f() { (] }"]
    code_generate_error = 'panic!("on purpose");'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"text".to_uppercase()', "result": '"TEXT"'},
        {"code": "tokio::time::sleep(Duration::from_millis(1)).await; 43", "result": "43"},
        {"code": 'tokio::Html("<b>bold</b>")', "mime": "text/html", "result": "<b>bold</b>"},
        {"code": 'tokio::Json(serde_json::json!({"a": [1]}))', "mime": "application/json"},
    ]
    code_display_data = [
        {"code": 'display("plain");', "mime": "text/plain"},
        {"code": 'display(tokio::Html("<i>html</i>"));', "mime": "text/html"},
        {"code": 'display(tokio::Markdown("*markdown*"));', "mime": "text/markdown"},
        {"code": 'display(tokio::Latex("$x^2$"));', "mime": "text/latex"},
        {"code": 'display(tokio::Svg("<svg xmlns=\'http://www.w3.org/2000/svg\'/>"));', "mime": "image/svg+xml"},
        {"code": 'display(tokio::Png("iVBORw0KGgo="));', "mime": "image/png"},
        {"code": 'display(tokio::Json(serde_json::json!({"a": 1})));', "mime": "application/json"},
    ]
    code_history_pattern = "6 [*]*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Instant::now"
    code_clear_output = 'println!("gone"); tokio::clear_output(false);'

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # The suite waits 15 s for a reply, and on a busy machine the first cell waits longer for the evaluator.
        reply = cls.kc.execute_interactive("1", timeout=120)
        assert reply["content"]["status"] == "ok", reply


class IopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = SIMULATED
    support_iopub_welcome = True


class Samples(unittest.TestCase):
    def test_every_sample_is_filled_in(self) -> None:
        """A sample that is missing skips a test, so that a pass says nothing."""
        suite = jupyter_kernel_test.KernelTests
        names = [name for name, value in vars(suite).items() if not callable(value) and not name.startswith("_")]
        samples = [name for name in names if isinstance(getattr(suite, name), (str, list, tuple))]
        assert len(samples) >= 16, samples
        empty = [name for name in samples if not getattr(KernelTests, name)]
        # A payload that the messaging specification has deprecated.
        assert empty == ["code_page_something"]

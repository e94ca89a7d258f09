//! `Ollama` at a server of `/api/chat` that says odd things.

use antiphon::{FinishReason, Ollama, StreamEvent};
use serde_json::json;

use crate::streams::events;
use crate::support::{PATIENCE, Reply, Server};

fn llm(server: &Server) -> Ollama {
    Ollama::new().base_url(server.origin()).model("m").timeout(PATIENCE).max_retries(0)
}

#[tokio::test]
async fn unheard_of_values_fail_no_answer() {
    let other = Some(FinishReason::Other);
    for (body, text, reason, tokens) in [
        (json!({"message": {}}), "", None, 0),
        (json!({"message": {"content": "a", "thinking": 7}, "done_reason": "load", "eval_count": -1}), "a", other, 0),
        (
            json!({"message": {"content": ["a"], "role": "x"}, "model": [], "done": false, "done_reason": 7}),
            "",
            None,
            0,
        ),
        (
            json!({"message": {"content": "b", "images": null}, "done_reason": "tea", "prompt_eval_count": 2, "new": {}}),
            "b",
            other,
            2,
        ),
        (
            json!({"message": {"content": "c", "tool_calls": [7]}, "done_reason": "stop", "eval_count": 1, "error": null}),
            "c",
            Some(FinishReason::Stop),
            1,
        ),
    ] {
        let server = Server::start(move |_| Reply::json(&body));
        let result = llm(&server).agenerate(["Hi"]).await.unwrap();
        assert_eq!(result.to_string(), text);
        assert_eq!(result.generations[0][0].finish_reason(), reason);
        assert_eq!(result.llm_output.token_usage.total_tokens, tokens);
    }
}

#[tokio::test]
async fn unheard_of_values_fail_no_stream() {
    let lines = [
        json!({"status": "loading"}),
        json!({"message": {}, "model": 7, "created_at": null}),
        json!({"message": {"role": "x", "content": "a"}, "done": "no"}),
        json!({"message": {"content": 7, "thinking": ["x"]}, "done": 1}),
        json!({"message": "(no message)", "done": false}),
        json!({"message": {"content": "b", "tool_calls": [{"function": 7}]}, "done": false, "error": null}),
        json!({"done": true, "done_reason": "tea", "prompt_eval_count": "many", "eval_count": 3}),
        json!({"message": {"content": "(behind the end)"}}),
    ];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let server = Server::start(move |_| Reply::status(200, body.clone()));
    let (events, error) = events(&llm(&server)).await;
    assert!(error.is_none(), "{error:?}");
    let texts: Vec<_> = events
        .iter()
        .filter_map(|it| if let StreamEvent::Text(text) = it { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(texts, ["a", "b"]);
    let Some(StreamEvent::End(result)) = events.last() else {
        panic!("no end: {events:?}");
    };
    assert_eq!(result.to_string(), "ab");
    assert_eq!(result.generations[0][0].generation_info["finish_reason"], "tea");
    let usage = result.llm_output.token_usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (0, 3, 3));
}

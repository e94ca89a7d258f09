//! `ChatOpenAI` at a compatible server.

use std::sync::Arc;

use antiphon::{ChatOpenAI, ErrorKind, Message};
use serde_json::json;
use tokio::sync::Barrier;

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server) -> ChatOpenAI {
    ChatOpenAI::new().base_url(server.url()).api_key("sk-test").timeout(PATIENCE)
}

#[tokio::test]
async fn conversations_are_requests_of_their_own() {
    let all = Arc::new(Barrier::new(3));
    let server = Server::start(move |request| {
        let mut body = bodies::chat(request);
        body["choices"].as_array_mut().unwrap().reverse();
        Reply::json(&body).after(&all)
    });
    let prompts = [
        vec![Message::system("s"), Message::user("u"), Message::assistant("a"), Message::user("v")],
        vec![Message::user("w")],
        vec![Message::user("x")],
    ];
    let result = llm(&server).n(2).max_tokens(9).agenerate(prompts).await.unwrap();
    assert_eq!(result.to_string(), "[0][0] v 0\n[0][1] v 1\n[1][0] w 0\n[1][1] w 1\n[2][0] x 0\n[2][1] x 1");
    assert_eq!(result.llm_output.token_usage.total_tokens, 21);
    assert_eq!(result.llm_output.model_name, "gpt-3.5-turbo");
    let requests = server.requests();
    let first = requests.iter().find(|it| it.body["messages"][0]["role"] == "system").unwrap();
    assert_eq!(first.path, "/v1/chat/completions");
    assert_eq!(
        first.body,
        json!({
            "model": "gpt-3.5-turbo", "temperature": 0.7, "n": 2, "max_tokens": 9,
            "messages": [
                { "role": "system", "content": "s" },
                { "role": "user", "content": "u" },
                { "role": "assistant", "content": "a" },
                { "role": "user", "content": "v" },
            ],
        })
    );
}

#[tokio::test]
async fn a_text_is_one_user_message() {
    let server = Server::start(|request| Reply::json(&bodies::chat(request)));
    let result = llm(&server).agenerate(["Hi"]).await.unwrap();
    assert_eq!(result.generations[0][0].text, "Hi 0");
    let messages = server.only_request().body["messages"].clone();
    assert_eq!(messages, json!([{ "role": "user", "content": "Hi" }]));
}

#[tokio::test]
async fn content_of_every_shape() {
    let contents = [
        (json!("text"), "text"),
        (json!(null), ""),
        (json!([{ "type": "thinking", "text": "hm" }, { "type": "text", "text": "t" }]), "t"),
    ];
    for (content, expected) in contents {
        let server = Server::start(move |_| {
            let message = json!({ "content": content, "refusal": "I will not" });
            Reply::json(&json!({ "choices": [{ "message": message }] }))
        });
        let result = llm(&server).agenerate(["x"]).await.unwrap();
        assert_eq!(result.generations[0][0].text, expected);
        assert_eq!(result.generations[0][0].generation_info["refusal"], "I will not");
    }
}

#[tokio::test]
async fn an_answer_without_choices_is_an_error() {
    for body in ["{}", "[]", "null", "7", r#"{"choices":[]}"#] {
        let server = Server::start(move |_| Reply::status(200, body));
        let error = llm(&server).agenerate(["x"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{body}");
    }
}

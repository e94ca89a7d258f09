//! What a failed call says.

use antiphon::{
    Anthropic, ChatOpenAI, ErrorKind, Fallback, Message, Ollama, OpenAI, Prompt, PromptResults, StreamEvent,
};

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server) -> OpenAI {
    let llm = OpenAI::new().base_url(server.url()).api_key("sk-test-1234");
    llm.model("m").timeout(PATIENCE).max_retries(0)
}

#[tokio::test]
async fn an_error_answer_is_typed() {
    let server = Server::start(|_| {
        let body = bodies::error("invalid_request_error", "model_not_found", "model", "The model `m` does not exist");
        Reply::status(404, body).header("x-request-id", "req_7")
    });
    let error = llm(&server).max_retries(2).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.status(), Some(404));
    assert_eq!(error.error_type(), Some("invalid_request_error"));
    assert_eq!(error.code(), Some("model_not_found"));
    assert_eq!(error.param(), Some("model"));
    assert_eq!(error.message(), Some("The model `m` does not exist"));
    assert_eq!(error.request_id(), Some("req_7"));
    assert_eq!(error.retries(), 0);
    assert_eq!((error.provider(), error.model()), (Some("openai"), Some("m")));
    assert_eq!(
        error.to_string(),
        "openai: status 404 (invalid_request_error, model_not_found): The model `m` does not exist \
         [model m, request req_7]; check the model's name and the base URL"
    );
}

#[tokio::test]
async fn statuses_have_kinds() {
    for (status, kind) in [
        (302, ErrorKind::UnexpectedResponse),
        (400, ErrorKind::BadRequest),
        (401, ErrorKind::Authentication),
        (402, ErrorKind::QuotaExceeded),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (413, ErrorKind::BadRequest),
        (422, ErrorKind::BadRequest),
        (429, ErrorKind::RateLimited),
        (502, ErrorKind::Server),
        (529, ErrorKind::Server),
    ] {
        let server =
            Server::start(move |_| Reply::status(status, "<html><title>Oops</title>").header("location", "http://x/"));
        let error = llm(&server).agenerate(["Hi"]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!((error.is_authentication(), error.is_rate_limited()), (status == 401, status == 429));
        let expected = format!("openai: status {status}: an HTML page, \"Oops\" [model m]");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn success_that_is_not_json_is_an_error_and_not_retried() {
    for (body, problem) in [
        ("<html>", "is not JSON: expected value at line 1 column 1"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("{\"choices\":[", "is not JSON: EOF while parsing a list at line 1 column 12"),
    ] {
        let server = Server::start(move |_| Reply::status(200, body));
        let error = llm(&server).max_retries(2).agenerate(["Hi"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert_eq!(
            error.to_string(),
            format!(
                "openai: answer with status 200 {problem} [model m]; \
                 check that the base URL is that of an API"
            )
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_error_inside_a_success_is_an_error() {
    let server = Server::start(|_| Reply::status(200, r#"{"error":{"code":429,"message":"slow down"}}"#));
    let error = llm(&server).agenerate(["Hi"]).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimited, Some(429)));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn keys_and_prompts_are_not_repeated() {
    let prompt = "the secret of the old lighthouse";
    let server = Server::start(move |_| {
        let message = format!("key sk-test-1234 and sk-other*** refused for: {prompt}");
        Reply::status(401, bodies::error(&message, &message, &message, &message)).header("x-request-id", "sk-test-1234")
    });
    let error = llm(&server).agenerate([prompt]).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!text.contains("sk-"), "{text}");
        assert!(!text.contains("lighthouse"), "{text}");
    }
    assert_eq!(error.message(), Some("key [key] and [key] refused for: [prompt]"));
}

#[tokio::test]
async fn what_a_base_url_holds_is_not_repeated() {
    let server = Server::start(|_| {
        let message = "no user my-name/my@password, token a-token/secret or trace-1 and Bearer key-two at 2024-10-21";
        Reply::status(401, bodies::error("t", "c", "p", message))
    });
    let url = server.url().replace("://", "://my-name:my%40password@") + "?t=a-token%2Fsecret&api-version=2024-10-21";
    let llm = llm(&server).base_url(url).header("x-trace", "trace-1").header("authorization", "Bearer key-two");
    let error = llm.agenerate(["Hi"]).await.unwrap_err();
    assert_eq!(error.message(), Some("no user [key]/[key], token [key] or [key] and [key] at 2024-10-21"));
}

#[test]
fn clients_do_not_print_keys() {
    let url = "http://me:hunter2@localhost/v1?token=hunter2";
    let clients = [
        format!("{:?}", OpenAI::new().api_key("hunter2").base_url(url)),
        format!("{:?}", antiphon::ChatOpenAI::new().api_key("hunter2").base_url(url)),
        format!("{:?}", antiphon::Anthropic::new().api_key("hunter2").base_url(url)),
        format!("{:#?}", antiphon::PromptLayerOpenAI::new().api_key("hunter2").promptlayer_api_key("hunter2")),
        format!("{:#?}", antiphon::PromptLayerChatOpenAI::new().api_key("hunter2").promptlayer_api_key("hunter2")),
    ];
    for client in clients {
        assert!(!client.contains("hunter2"), "{client}");
    }
}

#[tokio::test]
async fn prompts_are_not_printed_by_debug() {
    const SECRET: &str = "the secret of the old lighthouse";
    let server = Server::start(|request| Reply::json(&bodies::chat(request)));
    let talk = vec![Message::system(SECRET), Message::user("Hi")];
    let chat = ChatOpenAI::new().base_url(server.url()).system(SECRET);
    let mut result = chat.agenerate([Prompt::from(&talk)]).await.unwrap();
    let batch = chat.abatch([SECRET]);
    let printed = [
        format!("{:?}", Prompt::from(SECRET)),
        format!("{talk:?}"),
        format!("{chat:?}"),
        format!("{:?}", Anthropic::new().system(SECRET)),
        format!("{:?}", Ollama::new().system(SECRET)),
        format!("{:?}", Fallback::new(chat.clone())),
        format!("{batch:?}"),
        format!("{:?}", result.llm_output),
        format!("{result:#?}"),
        format!("{:?}", PromptResults::from(result.clone())),
        format!("{:?}", StreamEvent::End(result.clone())),
    ];
    for text in &printed {
        assert!(!text.contains("lighthouse"), "{text}");
    }
    assert_eq!(printed[0], "Text(32 bytes)");
    assert_eq!(printed[1], "[Message { role: System, content: 32 bytes }, Message { role: User, content: 2 bytes }]");
    // Nor are they stored with a result.
    result.generations.clear();
    assert!(!serde_json::to_string(&result).unwrap().contains("lighthouse"));
}

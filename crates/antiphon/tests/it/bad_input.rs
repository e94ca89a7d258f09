//! What is refused before anything is sent, and what only looks odd.

use std::time::Duration;

use antiphon::{Anthropic, ChatOpenAI, Error, ErrorKind, LlmResult, Message, OpenAI, Prompt};

use crate::support::{Reply, Server, bodies};

fn local() -> OpenAI {
    // Nothing listens there: whatever is sent fails with another kind of error.
    OpenAI::new().base_url("http://127.0.0.1:9/v1").api_key("k").max_retries(0)
}

fn check(result: Result<LlmResult, Error>, expected: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_retryable());
}

#[test]
fn settings_out_of_range() {
    let check = |llm: OpenAI, expected: &str| check(llm.generate(["a"]), expected);
    check(local().n(0), "`n` must be at least 1");
    check(local().temperature(2.1), "`temperature` must be between 0 and 2, not 2.1");
    check(local().temperature(f64::NAN), "`temperature` must be between 0 and 2, not NaN");
    check(local().temperature(f64::INFINITY), "`temperature` must be between 0 and 2, not inf");
    check(local().top_p(-0.1), "`top_p` must be between 0 and 1, not -0.1");
    check(local().frequency_penalty(3.0), "`frequency_penalty` must be between -2 and 2, not 3");
    check(local().presence_penalty(3.0), "`presence_penalty` must be between -2 and 2, not 3");
    check(local().logit_bias([(1, 101.0)]), "`logit_bias` must be between -100 and 100, not 101");
    check(local().max_tokens(0), "`max_tokens` must be at least 1");
    check(local().n(3).best_of(2), "`best_of` must be at least n (3), not 2");
    check(local().batch_size(0), "`batch_size` must be at least 1");
    check(local().model(" "), "`model` must not be empty");
    check(local().timeout(Duration::ZERO), "`timeout` must be longer than zero");
}

#[test]
fn anthropics_settings_out_of_range() {
    let local = || Anthropic::new().base_url("http://127.0.0.1:9").api_key("k");
    check(local().temperature(1.1).generate(["a"]), "`temperature` must be between 0 and 1, not 1.1");
    check(local().n(0).generate(["a"]), "`n` must be at least 1");
    check(local().max_tokens(0).generate(["a"]), "`max_tokens` must be at least 1");
    check(local().api_key("k\n").generate(["a"]), BROKEN_KEY);
    check(local().generate([[Message::user("a")], [Message::system("s")]]), "prompt 1 has system messages only");
}

const BROKEN_KEY: &str = "`api_key` holds a line break or another character that cannot be sent; \
                          was it copied with more than the key?";

#[test]
fn broken_urls_and_keys() {
    let check = |llm: OpenAI, expected: &str| check(llm.generate(["a"]), expected);
    check(
        local().base_url("127.0.0.1:9/v1"),
        "`base_url` has no scheme: write http:// or https:// before 127.0.0.1:9/v1",
    );
    check(local().base_url(""), "`base_url` has no scheme: write http:// or https:// before ");
    check(local().base_url("file:///etc"), "`base_url` has scheme file, not http or https");
    check(local().api_key("sk-1\nsk-2"), BROKEN_KEY);
    check(
        local().organization("o\n"),
        "`organization` holds a line break or another character that cannot be sent; \
         was it copied with more than the key?",
    );
}

#[test]
fn conversations_where_there_can_be_none() {
    check(
        local().generate([Prompt::from("a"), Prompt::from([Message::user("b")])]),
        "prompt 1 is a conversation, which `ChatOpenAI` takes",
    );
    let chat = ChatOpenAI::new().base_url("http://127.0.0.1:9/v1");
    check(chat.generate([Vec::<Message>::new()]), "prompt 0 is a conversation without messages");
}

#[test]
fn no_prompts_no_request() {
    let none = Vec::<String>::new;
    for result in [
        OpenAI::new().model("m").generate(none()),
        ChatOpenAI::new().model("m").generate(none()),
        Anthropic::new().model("m").generate(none()),
        antiphon::PromptLayerOpenAI::new().model("m").generate(none()),
        antiphon::PromptLayerChatOpenAI::new().model("m").generate(none()),
    ] {
        let result = result.unwrap();
        assert_eq!(result.generations, Vec::<Vec<_>>::new());
        assert_eq!(result.llm_output.model_name, "m");
        assert_eq!(result.to_string(), "");
    }
}

#[test]
fn empty_prompts_and_missing_keys_are_the_servers_business() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let llm = OpenAI::new().base_url(server.url()).api_key("").model("m");
    assert_eq!(llm.generate([""]).unwrap().generations[0][0].text, " 0");
    assert_eq!(server.only_request().body["prompt"], "");
}

//! `OpenAI` at a server of `/completions`.

use std::sync::Arc;

use antiphon::{ErrorKind, OpenAI};
use serde_json::json;
use tokio::sync::Barrier;

use crate::support::{PATIENCE, Reply, Server, bodies};

fn llm(server: &Server) -> OpenAI {
    OpenAI::new().base_url(server.url()).api_key("sk-test").model("m").timeout(PATIENCE)
}

#[tokio::test]
async fn batches_run_together_and_come_back_in_order() {
    // Neither batch is answered before both have come.
    let both = Arc::new(Barrier::new(2));
    let server = Server::start(move |request| {
        let mut body = bodies::completion(request);
        body["choices"].as_array_mut().unwrap().reverse();
        Reply::json(&body).after(&both)
    });
    let prompts: Vec<String> = (0..25).map(|i| format!("p{i}")).collect();
    let result = llm(&server).n(3).agenerate(&prompts).await.unwrap();

    assert_eq!(result.generations.len(), 25);
    for (i, completions) in result.generations.iter().enumerate() {
        let texts: Vec<_> = completions.iter().map(|it| it.text.clone()).collect();
        assert_eq!(texts, [format!("p{i} 0"), format!("p{i} 1"), format!("p{i} 2")]);
    }
    let usage = result.llm_output.token_usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (25, 150, 175));
    assert_eq!(result.llm_output.model_name, "m");

    let mut sizes: Vec<_> = server.requests().iter().map(|it| it.body["prompt"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 20]);
}

#[tokio::test]
async fn sends_what_was_set_and_nothing_else() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let result = llm(&server).agenerate(["Hi"]).await.unwrap();
    assert_eq!(result.to_string(), "Hi 0");
    assert_eq!(
        serde_json::to_value(&result).unwrap(),
        json!({
            "generations": [[{ "text": "Hi 0", "generation_info": { "finish_reason": "stop" } }]],
            "llm_output": {
                "model_name": "m",
                "token_usage": { "input_tokens": 1, "output_tokens": 2, "total_tokens": 3 },
            },
        })
    );
    let request = server.only_request();
    assert_eq!(request.path, "/v1/completions");
    assert_eq!(request.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(request.body, json!({ "model": "m", "prompt": "Hi", "temperature": 0.7, "max_tokens": 256 }));

    let stops = vec!["X".to_owned()];
    llm(&server)
        .temperature(0.9)
        .max_tokens(5)
        .n(2)
        .best_of(4)
        .stop(&stops)
        .top_p(0.5)
        .frequency_penalty(-1.0)
        .presence_penalty(1.0)
        .logit_bias([(50_256, -100.0)])
        .seed(7)
        .organization("o")
        .project("p")
        .agenerate(["", "b"])
        .await
        .unwrap();
    let request = server.requests().pop().unwrap();
    assert_eq!(
        request.body,
        json!({
            "model": "m", "prompt": ["", "b"], "temperature": 0.9, "max_tokens": 5, "n": 2,
            "best_of": 4, "stop": ["X"], "top_p": 0.5, "frequency_penalty": -1.0,
            "presence_penalty": 1.0, "logit_bias": { "50256": -100.0 }, "seed": 7,
        })
    );
    assert_eq!(request.header("openai-organization"), Some("o"));
    assert_eq!(request.header("openai-project"), Some("p"));
    assert_eq!(stops, ["X"]);
}

#[tokio::test]
async fn reads_what_strict_clients_refuse() {
    let server = Server::start(|_| {
        let body = json!({
            "choices": [
                { "text": "b", "finish_reason": "eos_token", "index": 1 },
                { "text": "a", "finish_reason": "", "index": 0, "logprobs": { "tokens": ["a"] } },
            ],
            "usage": null, "model": "other", "service_tier": "on_demand",
        });
        // DeepSeek's padding.
        Reply::status(200, format!("\n\n  \n{body}")).header("x-request-id", "r1")
    });
    let result = llm(&server).agenerate(["x", "y"]).await.unwrap();
    assert_eq!(result.to_string(), "[0] a\n[1] b");
    assert_eq!(result.llm_output.token_usage.total_tokens, 0);
    assert_eq!(
        serde_json::to_value(&result.generations[0][0].generation_info).unwrap(),
        json!({
            "finish_reason": "", "logprobs": { "tokens": ["a"] }, "response_model": "other",
            "request_id": "r1",
        })
    );
    assert_eq!(result.generations[1][0].generation_info["finish_reason"], "eos_token");
}

#[tokio::test]
async fn servers_that_know_one_prompt_get_one_at_a_time() {
    let server = Server::start(|request| {
        if request.body["prompt"].is_array() {
            return Reply::status(400, r#"{"error":"json: cannot unmarshal array"}"#);
        }
        Reply::json(&bodies::completion(request))
    });
    let llm = llm(&server).model("single-prompt");
    let result = llm.agenerate(["a", "b"]).await.unwrap();
    assert_eq!(result.to_string(), "[0] a 0\n[1] b 0");
    assert_eq!(result.llm_output.token_usage.input_tokens, 2);
    assert_eq!(server.requests().len(), 3);
    // What was learned is kept.
    llm.agenerate(["a", "b"]).await.unwrap();
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn wrong_numbers_of_choices() {
    let server = Server::start(|request| {
        let mut body = bodies::completion(request);
        body["choices"].as_array_mut().unwrap().truncate(2);
        Reply::json(&body)
    });
    // One choice for each prompt: the server ignores `n`.
    let result = llm(&server).n(3).agenerate(["a", "b"]).await.unwrap();
    assert_eq!(result.generations.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    let error = llm(&server).agenerate(["a", "b", "c"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
    assert_eq!(
        error.to_string(),
        "openai: answer with status 200 has 2 choices, not 3 x 1 [model m]; \
         check that the base URL is that of an API"
    );
}

#[tokio::test]
async fn every_way_to_pass_prompts() {
    let server = Server::start(|request| Reply::json(&bodies::completion(request)));
    let llm = llm(&server);
    let owned = vec!["a".to_owned(), "b".to_owned()];
    let expected = llm.agenerate(["a", "b"]).await.unwrap();
    assert_eq!(llm.agenerate(&["a", "b"]).await.unwrap(), expected);
    assert_eq!(llm.agenerate(vec!["a", "b"]).await.unwrap(), expected);
    assert_eq!(llm.agenerate(&owned).await.unwrap(), expected);
    assert_eq!(llm.agenerate(owned.iter().map(String::as_str)).await.unwrap(), expected);
    assert_eq!(llm.agenerate(owned).await.unwrap(), expected);
    // The future can outlive the client and its prompts, and be spawned.
    let spawned = tokio::spawn(llm.clone().agenerate([String::from("a"), String::from("b")]));
    drop(llm);
    assert_eq!(spawned.await.unwrap().unwrap(), expected);
}

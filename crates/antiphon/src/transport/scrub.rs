//! Takes keys and prompts out of what a provider says.

use std::iter;

use serde_json::Value;

use crate::json::Json;
use crate::provider::said;

/// Shorter prompts are not looked for: taking "Hi" out of a sentence would garble it, and tells
/// nobody anything.
const SHORTEST_PROMPT: usize = 12;

/// Shorter keys are none: local servers take any word, and taking `x` out of `max_tokens` would hide what is refused.
const SHORTEST_KEY: usize = 7;

/// Fields that are no secret and that errors are about.
const NAMES: &[&str] = &["model", "model_name", "reasoning_effort", "role"];

/// Replaces the keys in use, anything that looks like one, and the texts that were sent.
pub(super) fn scrub(text: &mut String, secrets: &[&str], sent: &Json<'_>) {
    for secret in secrets {
        if secret.len() >= SHORTEST_KEY {
            replace(text, secret, "[key]");
        }
    }
    for prompt in prompts(sent) {
        // What is longer than the text is not in it, and costs much to look for.
        if prompt.len() >= SHORTEST_PROMPT && prompt.trim().len() <= text.len() {
            replace(text, prompt, "[prompt]");
            // As a server may have printed it.
            replace(text, prompt.trim(), "[prompt]");
            replace(text, Value::from(prompt).to_string().trim_matches('"'), "[prompt]");
        }
    }
    if text.contains("sk-") {
        let words: Vec<_> = text.split(' ').map(mask_key).collect();
        *text = words.join(" ");
    }
}

fn replace(text: &mut String, found: &str, by: &str) {
    if text.contains(found) {
        *text = text.replace(found, by);
    }
}

/// Cuts a word off where a key starts; OpenAI repeats keys half masked.
fn mask_key(word: &str) -> String {
    match word.find("sk-") {
        Some(0) => "[key]".to_owned(),
        Some(start) if !word[..start].ends_with(char::is_alphanumeric) => {
            format!("{}[key]", &word[..start])
        }
        _ => word.to_owned(),
    }
}

/// The user's texts in a request of any wire format: all texts but those a message has to name.
fn prompts<'a>(sent: &'a Json<'_>) -> Vec<&'a str> {
    match sent {
        Json::String(text) => iter::once(text.as_ref()).chain(said(text)).collect(),
        Json::Array(items) => items.iter().flat_map(prompts).collect(),
        Json::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !NAMES.contains(&key.as_ref()))
            .flat_map(|(_, value)| prompts(value))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let secrets = ["topsecret", "", "x"];
        let sent = serde_json::json!({
            "model": "some-long-model-name",
            "prompt": ["tell me everything", "Hi"],
            "system": "be a friendly parrot",
            "dialogue": "\n\nHuman: be a merry magpie\n\nwhat is my key?\n\nAssistant:",
            "messages": [{ "role": "user", "content": "what is my password" }, { "content": "line one\nline two" }],
        })
        .to_string();
        let sent = Json::parse(sent.as_bytes()).unwrap();
        let mut scrubbed = text.to_owned();
        scrub(&mut scrubbed, &secrets, &sent);
        assert_eq!(scrubbed, expected);
    }

    #[test]
    fn removes_keys_and_prompts() {
        check("bad key topsecret.", "bad key [key].");
        check("Incorrect API key: sk-ab**yz. See", "Incorrect API key: [key] See");
        check("key=\"sk-1\" is wrong", "key=\"[key] is wrong");
        check("no such risk-free task-list", "no such risk-free task-list");
        check("cannot read 'tell me everything'", "cannot read '[prompt]'");
        check(r"got line one\nline two here", "got [prompt] here");
        check("what is my password, This", "[prompt], This");
        check("be a friendly parrot", "[prompt]");
        check("will not be a merry magpie: what is my key?", "will not [prompt]: [prompt]");
        check("no max_tokens here", "no max_tokens here");
        check("no some-long-model-name here", "no some-long-model-name here");
    }
}

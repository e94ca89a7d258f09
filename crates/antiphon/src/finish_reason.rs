//! Why models stop, in the same words for all providers.

use serde::{Deserialize, Serialize};

/// Why a model stopped; from [`Generation::finish_reason`](crate::Generation::finish_reason).
///
/// The words are OpenAI's; those of the others are in their references:
/// [OpenAI](https://platform.openai.com/docs/api-reference/chat/object),
/// [Anthropic](https://docs.anthropic.com/en/api/messages) (`stop_reason`),
/// [Gemini](https://ai.google.dev/api/generate-content#FinishReason) (`finishReason`),
/// [Bedrock](https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html) (`stopReason`),
/// [Ollama](https://github.com/ollama/ollama/blob/main/docs/api.md) (`done_reason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The answer is complete, or a stop sequence came.
    Stop,
    /// The limit on tokens, or the model's context, is used up: the answer is cut.
    Length,
    /// The model asks for a tool.
    ToolCalls,
    /// The provider's filter, or the model itself, refused to go on.
    ContentFilter,
    /// Something else; the provider's own word is in `generation_info`.
    #[serde(other)]
    Other,
}

impl FinishReason {
    /// What a provider's word means.
    pub(crate) fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "stop" | "end_turn" | "stop_sequence" | "eos" | "eos_token" => Self::Stop,
            "length"
            | "max_tokens"
            | "max_output_tokens"
            | "limit"
            | "model_length"
            | "model_context_window_exceeded" => Self::Length,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            "content_filter"
            | "content_filtered"
            | "refusal"
            | "guardrail_intervened"
            | "safety"
            | "image_safety"
            | "recitation"
            | "blocklist"
            | "prohibited_content"
            | "spii" => Self::ContentFilter,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_again() {
        use FinishReason::{ContentFilter, Length, Other, Stop, ToolCalls};
        let reasons = [Stop, Length, ToolCalls, ContentFilter, Other];
        let stored = serde_json::to_string(&reasons).unwrap();
        assert_eq!(stored, r#"["stop","length","tool_calls","content_filter","other"]"#);
        assert_eq!(serde_json::from_str::<[FinishReason; 5]>(&stored).unwrap(), reasons);
        assert_eq!(serde_json::from_str::<FinishReason>("\"new\"").unwrap(), Other);
    }

    #[test]
    fn words_of_all_providers() {
        let check = |words: &[&str], expected| {
            for word in words {
                assert_eq!(FinishReason::from_word(word), expected, "{word}");
            }
        };
        check(&["stop", "end_turn", "stop_sequence", "STOP", "eos_token"], FinishReason::Stop);
        check(&["length", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded"], FinishReason::Length);
        check(&["tool_calls", "function_call", "tool_use"], FinishReason::ToolCalls);
        check(&["content_filter", "SAFETY", "RECITATION", "guardrail_intervened"], FinishReason::ContentFilter);
        check(&["", "MALFORMED_FUNCTION_CALL", "OTHER", "unheard_of"], FinishReason::Other);
    }
}

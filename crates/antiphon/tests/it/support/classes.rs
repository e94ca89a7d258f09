//! Every class at one server.

/// A `Vec<Box<dyn Llm>>` of every class at a base URL without `/v1`, each asking model `m` with these settings.
macro_rules! every_class {
    ($base_url:expr $(, $setter:ident($($value:expr),*))* $(,)?) => {{
        let base: String = $base_url;
        let v1 = format!("{base}/v1");
        let all: Vec<Box<dyn antiphon::Llm>> = vec![
            Box::new(antiphon::OpenAI::new().base_url(&v1).model("m")$(.$setter($($value),*))*),
            Box::new(antiphon::ChatOpenAI::new().base_url(&v1).model("m")$(.$setter($($value),*))*),
            Box::new(
                antiphon::PromptLayerOpenAI::new()
                    .base_url(&v1)
                    .model("m")
                    .promptlayer_base_url(&base)
                    .return_pl_id(true)
                    $(.$setter($($value),*))*,
            ),
            Box::new(
                antiphon::PromptLayerChatOpenAI::new()
                    .base_url(&v1)
                    .model("m")
                    .promptlayer_base_url(&base)
                    .return_pl_id(true)
                    $(.$setter($($value),*))*,
            ),
            Box::new(antiphon::Anthropic::new().base_url(&base).model("m")$(.$setter($($value),*))*),
            Box::new(antiphon::Ollama::new().base_url(&base).model("m")$(.$setter($($value),*))*),
            Box::new(antiphon::AzureChatOpenAI::new("m").base_url(&base)$(.$setter($($value),*))*),
            Box::new(antiphon::Bedrock::new("m").base_url(&base)$(.$setter($($value),*))*),
            Box::new(antiphon::Gemini::new().base_url(&base).model("m")$(.$setter($($value),*))*),
            Box::new(antiphon::OpenAiCompatible::new(&v1).model("m")$(.$setter($($value),*))*),
        ];
        all
    }};
}

pub(crate) use every_class;

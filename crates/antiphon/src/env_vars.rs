//! Every environment variable this crate reads, and the one place that reads them.

/// Names of the environment variables that configure the classes.
///
/// All are read when a call is made, not when a value is built; a setter wins over its variable,
/// and an empty variable counts as unset.
///
/// The names are those of the providers' own clients, where there are such:
/// [OpenAI and Azure](https://github.com/openai/openai-python),
/// [Anthropic](https://github.com/anthropics/anthropic-sdk-python),
/// [Gemini](https://github.com/googleapis/python-genai),
/// [Bedrock](https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html),
/// [Ollama](https://docs.ollama.com/faq),
/// [PromptLayer](https://github.com/MagnivOrg/prompt-layer-library).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EnvVars;

impl EnvVars {
    /// Key of the `OpenAI` classes, sent as `Authorization: Bearer`. Setter: `api_key`.
    pub const OPENAI_API_KEY: &'static str = "OPENAI_API_KEY";

    /// Base URL of the `OpenAI` classes, with its `/v1`. Setter: `base_url`.
    pub const OPENAI_BASE_URL: &'static str = "OPENAI_BASE_URL";

    /// The name that `OPENAI_BASE_URL` had in 2023; read when that is unset.
    pub const OPENAI_API_BASE: &'static str = "OPENAI_API_BASE";

    /// Organization to bill, sent as `OpenAI-Organization`. Setter: `organization`.
    pub const OPENAI_ORG_ID: &'static str = "OPENAI_ORG_ID";

    /// The name that `OPENAI_ORG_ID` had in 2023; read when that is unset.
    pub const OPENAI_ORGANIZATION: &'static str = "OPENAI_ORGANIZATION";

    /// Project to bill, sent as `OpenAI-Project`. Setter: `project`.
    pub const OPENAI_PROJECT_ID: &'static str = "OPENAI_PROJECT_ID";

    /// Key of the `AzureChatOpenAI` class, sent as `api-key`. Setter: `api_key`.
    pub const AZURE_OPENAI_API_KEY: &'static str = "AZURE_OPENAI_API_KEY";

    /// Token of Microsoft Entra ID, sent as `Authorization: Bearer` in place of a key. Setter: `azure_ad_token`.
    pub const AZURE_OPENAI_AD_TOKEN: &'static str = "AZURE_OPENAI_AD_TOKEN";

    /// URL of the Azure resource, `https://RESOURCE.openai.azure.com`. Setter: `base_url`.
    pub const AZURE_OPENAI_ENDPOINT: &'static str = "AZURE_OPENAI_ENDPOINT";

    /// Version of Azure's API, for example `2024-10-21`. Setter: `api_version`.
    pub const OPENAI_API_VERSION: &'static str = "OPENAI_API_VERSION";

    /// Key of the `Anthropic` class, sent as `x-api-key`. Setter: `api_key`.
    pub const ANTHROPIC_API_KEY: &'static str = "ANTHROPIC_API_KEY";

    /// Token sent as `Authorization: Bearer` when there is no Anthropic key.
    pub const ANTHROPIC_AUTH_TOKEN: &'static str = "ANTHROPIC_AUTH_TOKEN";

    /// Base URL of the `Anthropic` class, without `/v1`. Setter: `base_url`.
    pub const ANTHROPIC_BASE_URL: &'static str = "ANTHROPIC_BASE_URL";

    /// Key of the `Gemini` class, sent as `x-goog-api-key`. Setter: `api_key`.
    pub const GEMINI_API_KEY: &'static str = "GEMINI_API_KEY";

    /// The other name of `GEMINI_API_KEY`; as in Google's own packages it counts before that one.
    pub const GOOGLE_API_KEY: &'static str = "GOOGLE_API_KEY";

    /// Base URL of the `Gemini` class, without a version. Setter: `base_url`.
    pub const GOOGLE_GEMINI_BASE_URL: &'static str = "GOOGLE_GEMINI_BASE_URL";

    /// API key of the `Bedrock` class, sent as `Authorization: Bearer`. Setter: `api_key`.
    pub const AWS_BEARER_TOKEN_BEDROCK: &'static str = "AWS_BEARER_TOKEN_BEDROCK";

    /// Region of the `Bedrock` class. Setter: `region`.
    pub const AWS_REGION: &'static str = "AWS_REGION";

    /// The other name of `AWS_REGION`; read when that is unset.
    pub const AWS_DEFAULT_REGION: &'static str = "AWS_DEFAULT_REGION";

    /// Base URL of the `Bedrock` class, in place of the region's own. Setter: `base_url`.
    pub const AWS_ENDPOINT_URL_BEDROCK_RUNTIME: &'static str = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME";

    /// Server of the `Ollama` class, in Ollama's own form: `HOST:PORT`, or a URL. Setter: `base_url`.
    pub const OLLAMA_HOST: &'static str = "OLLAMA_HOST";

    /// Key of the `Ollama` class, sent as `Authorization: Bearer`; only its cloud needs one. Setter: `api_key`.
    pub const OLLAMA_API_KEY: &'static str = "OLLAMA_API_KEY";

    /// Key of `OpenAiCompatible::new`, optional, and so are those of servers that run at home.
    pub const OPENAI_COMPATIBLE_API_KEY: &'static str = "OPENAI_COMPATIBLE_API_KEY";

    /// Key of `OpenAiCompatible::deepseek`.
    pub const DEEPSEEK_API_KEY: &'static str = "DEEPSEEK_API_KEY";

    /// Key of `OpenAiCompatible::groq`.
    pub const GROQ_API_KEY: &'static str = "GROQ_API_KEY";

    /// Key of `OpenAiCompatible::litellm`.
    pub const LITELLM_API_KEY: &'static str = "LITELLM_API_KEY";

    /// Key of `OpenAiCompatible::llama_cpp`.
    pub const LLAMA_API_KEY: &'static str = "LLAMA_API_KEY";

    /// Key of `OpenAiCompatible::mistral`.
    pub const MISTRAL_API_KEY: &'static str = "MISTRAL_API_KEY";

    /// Key of `OpenAiCompatible::openrouter`.
    pub const OPENROUTER_API_KEY: &'static str = "OPENROUTER_API_KEY";

    /// Key of `OpenAiCompatible::vllm`.
    pub const VLLM_API_KEY: &'static str = "VLLM_API_KEY";

    /// Key of the request log. Setter: `promptlayer_api_key`.
    pub const PROMPTLAYER_API_KEY: &'static str = "PROMPTLAYER_API_KEY";

    /// Base URL of the request log; `https://api.promptlayer.com` when unset. This variable is
    /// ours, not PromptLayer's. Setter: `promptlayer_base_url`.
    pub const PROMPTLAYER_BASE_URL: &'static str = "PROMPTLAYER_BASE_URL";

    /// The variables whose values are secrets, for programs that have to keep them out of what
    /// they write.
    pub const SECRETS: &'static [&'static str] = &[
        Self::OPENAI_API_KEY,
        Self::AZURE_OPENAI_API_KEY,
        Self::AZURE_OPENAI_AD_TOKEN,
        Self::ANTHROPIC_API_KEY,
        Self::ANTHROPIC_AUTH_TOKEN,
        Self::GEMINI_API_KEY,
        Self::GOOGLE_API_KEY,
        Self::AWS_BEARER_TOKEN_BEDROCK,
        Self::OLLAMA_API_KEY,
        Self::OPENAI_COMPATIBLE_API_KEY,
        Self::DEEPSEEK_API_KEY,
        Self::GROQ_API_KEY,
        Self::LITELLM_API_KEY,
        Self::LLAMA_API_KEY,
        Self::MISTRAL_API_KEY,
        Self::OPENROUTER_API_KEY,
        Self::VLLM_API_KEY,
        Self::PROMPTLAYER_API_KEY,
    ];
}

/// Where settings that no setter gave are looked up; tests pass their own.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment.
pub(crate) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The first of `names` that has a value, and which one it was.
pub(crate) fn first(env: Env<'_>, names: &[&'static str]) -> Option<(&'static str, String)> {
    names.iter().find_map(|&name| {
        let value = env(name)?;
        (!value.trim().is_empty()).then_some((name, value))
    })
}

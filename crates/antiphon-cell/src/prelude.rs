// Cells import this by a glob, so a user's own item of the same name wins.
pub use antiphon::{
    Anthropic, AzureChatOpenAI, Bedrock, ChatOpenAI, Gemini, LlmResult, Ollama, OpenAI, OpenAiCompatible,
    PromptLayerChatOpenAI, PromptLayerOpenAI,
};
pub use futures::future::{join_all, try_join_all};
pub use std::time::{Duration, Instant};

pub use crate::display::display;
pub use crate::input::{input, password};
pub use crate::live::{display_stream, join_all_with_progress};

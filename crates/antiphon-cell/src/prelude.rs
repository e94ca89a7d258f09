// Cells import this by a glob, so a user's own item of the same name wins.
pub use antiphon::{Anthropic, ChatOpenAI, LlmResult, OpenAI, PromptLayerOpenAI};
pub use futures::future::{join_all, try_join_all};
pub use std::time::{Duration, Instant};

pub use crate::display::display;
pub use crate::input::{input, password};

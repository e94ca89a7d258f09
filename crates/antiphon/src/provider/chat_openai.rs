//! The class `ChatOpenAI`: conversations in, messages out.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::connection::Connection;
use super::methods::{connection_setters, generate_methods, openai_setters, organization_setters};
use super::options::Options;
use super::{CallStyle, Provider, chat};
use crate::env_vars;
use crate::error::Error;
use crate::prompt::{Message, Prompt};
use crate::result::LlmResult;
use crate::transport::Endpoint;

/// The original's model; compatible servers often map the name to theirs.
const DEFAULT_MODEL: &str = "gpt-3.5-turbo";

/// Conversations to be continued, at OpenAI or a server that speaks its language.
///
/// A prompt is a list of [`Message`]s, or a text, which stands for one user message. Each is a
/// request of its own to `/chat/completions`; all run at the same time. An option that the model
/// refuses is left out and reported as `dropped_params` in
/// [`generation_info`](crate::Generation::generation_info).
///
/// Defaults: temperature 0.7, no token limit, one answer; the model is `gpt-6-luna` (asked not to
/// reason) at OpenAI, elsewhere `gpt-3.5-turbo`, so set [`model`](Self::model) there.
///
/// ```no_run
/// use antiphon::{ChatOpenAI, Message};
///
/// # async fn run() -> Result<(), antiphon::Error> {
/// let llm = ChatOpenAI::new().temperature(0.0);
/// let talk = [Message::system("Answer in French."), Message::user("Good morning!")];
/// println!("{}", llm.agenerate([talk]).await?);
/// # Ok(())
/// # }
/// ```
///
/// Reference: <https://platform.openai.com/docs/api-reference/chat>
#[derive(Debug, Clone)]
pub struct ChatOpenAI {
    pub(super) connection: Connection,
    pub(super) options: Options,
}

impl Default for ChatOpenAI {
    fn default() -> Self {
        Self::new()
    }
}

impl ChatOpenAI {
    /// The default settings. Nothing is read or checked before a call.
    pub fn new() -> Self {
        Self { connection: Connection::new(Provider::OpenAi), options: Options::new(0.7, None) }
    }

    connection_setters!(connection);
    organization_setters!(connection);
    openai_setters!(options);
    generate_methods!();

    fn start(&self, prompts: Vec<Prompt>, _style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        match self.plan(prompts) {
            Ok(plan) => async move { plan.run().await }.boxed(),
            Err(error) => futures::future::ready(Err(error)).boxed(),
        }
    }

    /// Looks up and checks all that a call needs.
    pub(super) fn plan(&self, prompts: Vec<Prompt>) -> Result<Plan, Error> {
        self.options.check()?;
        let conversations = conversations(prompts)?;
        let endpoint =
            if conversations.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let own = endpoint.as_ref().is_none_or(Endpoint::is_providers_own);
        let default = if own { chat::DEFAULT_MODEL } else { DEFAULT_MODEL };
        let model = self.options.model.clone().unwrap_or_else(|| default.to_owned());
        Ok(Plan { endpoint, options: self.options.clone(), model, conversations })
    }
}

/// The prompts as conversations; none may be empty.
pub(super) fn conversations(prompts: Vec<Prompt>) -> Result<Vec<Vec<Message>>, Error> {
    let conversations = prompts.into_iter().map(Prompt::into_messages).enumerate();
    conversations
        .map(|(index, messages)| {
            if messages.is_empty() {
                return Err(Error::invalid_prompt(index, "is a conversation without messages"));
            }
            Ok(messages)
        })
        .collect()
}

/// A call that has all it needs.
#[derive(Debug)]
pub(super) struct Plan {
    /// `None` if there are no prompts.
    endpoint: Option<Endpoint>,
    options: Options,
    pub(super) model: String,
    pub(super) conversations: Vec<Vec<Message>>,
}

impl Plan {
    pub(super) async fn run(&self) -> Result<LlmResult, Error> {
        let Some(endpoint) = &self.endpoint else {
            return Ok(LlmResult::empty(self.model.clone()));
        };
        chat::complete(endpoint, &self.options, &self.model, &self.conversations).await
    }
}

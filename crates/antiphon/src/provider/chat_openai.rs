//! The class `ChatOpenAI`: conversations in, messages out.

use super::Provider;
use super::call::{Job, Plan};
use super::call_methods::llm_methods;
use super::chat::{self, Chat};
use super::connection::Connection;
use super::methods::{connection_setters, openai_setters, organization_setters, system_setter};
use super::options::Options;
use crate::env_vars;
use crate::error::Error;
use crate::prompt::{Message, Prompt};
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
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{ChatOpenAI, Message};
///
/// let llm = ChatOpenAI::new().temperature(0.0);
/// let talk = [Message::system("Answer in French."), Message::user("Good morning!")];
/// println!("{}", llm.agenerate([talk]).await?);
/// # assert_eq!(sim.requests()[0].body["messages"][0]["role"], "system");
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
    system_setter!(options);

    pub(super) fn asks_for_equal_answers(&self) -> bool {
        self.options.temperature == Some(0.0) || self.options.seed.is_some()
    }

    /// Looks up and checks all that a call needs.
    pub(super) fn plan(&self, prompts: Vec<Prompt>, is_stream: bool) -> Result<Plan, Error> {
        self.options.check(is_stream)?;
        let conversations = conversations(prompts.clone())?;
        let endpoint = if prompts.is_empty() { None } else { Some(self.connection.endpoint(&env_vars::process)?) };
        let own = endpoint.as_ref().is_none_or(Endpoint::is_providers_own);
        let default = if own { chat::DEFAULT_MODEL } else { DEFAULT_MODEL };
        let model = self.options.model.clone().unwrap_or_else(|| default.to_owned());
        let jobs = endpoint.as_ref().map_or_else(Vec::new, |endpoint| {
            let bodies = conversations.iter().map(|messages| chat::body(endpoint, &self.options, &model, messages));
            let payloads = bodies.map(|body| self.connection.payload(&Chat::PLAIN, body, is_stream));
            payloads.enumerate().map(|(index, payload)| Job::single(index, payload)).collect()
        });
        let n = self.options.n as usize;
        Ok(Plan { n, jobs, ..Plan::new(&self.connection, endpoint, &Chat::PLAIN, model, prompts) })
    }
}

llm_methods!(ChatOpenAI, "ChatOpenAI", "ChatOpenAI::new()");

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

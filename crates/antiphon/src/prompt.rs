//! What can be sent: texts and conversations.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::private::Length;

/// One item of the list that `agenerate` and `generate` take.
///
/// Anything that is text converts into it, and so does a list of [`Message`]s.
///
/// ```
/// use antiphon::{Message, Prompt};
///
/// assert_eq!(Prompt::from("Hi"), Prompt::Text("Hi".to_owned()));
/// let talk = Prompt::from([Message::system("Be brief."), Message::user("Hi")]);
/// assert!(matches!(talk, Prompt::Conversation(messages) if messages.len() == 2));
/// ```
///
/// Its `Debug` shows lengths, not texts. With serde it is a string or a list of messages.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Prompt {
    /// A text; for chat models, one user message.
    Text(String),
    /// The turns of a conversation so far, oldest first. Only chat classes take it.
    Conversation(Vec<Message>),
}

impl Prompt {
    /// The messages that say the same to a chat model.
    pub(crate) fn into_messages(self) -> Vec<Message> {
        match self {
            Self::Text(text) => vec![Message::user(text)],
            Self::Conversation(messages) => messages,
        }
    }
}

/// One turn of a conversation.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{ChatOpenAI, Message};
///
/// let llm = ChatOpenAI::new();
/// let mut talk = vec![Message::system("Be brief."), Message::user("What is the capital of France?")];
/// let answer = llm.agenerate([&talk]).await?;
/// talk.push(Message::assistant(&answer.generations[0][0].text));
/// talk.push(Message::user("And of Italy?"));
/// println!("{}", llm.agenerate([&talk]).await?);
/// # assert_eq!(sim.requests()[1].body["messages"][2]["role"], "assistant");
/// # Ok(())
/// # }
/// ```
///
/// Its `Debug` shows how long it is, not what it says.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// An instruction from the program to the model.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// Something the user said.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// Something the model said earlier.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// Something that `role` said.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }

    /// The form that the chat endpoints of OpenAI and Anthropic share.
    pub(crate) fn to_wire(&self) -> Value {
        json!({ "role": self.role.as_str(), "content": self.content })
    }
}

/// The speaker of a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The program.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The word used on the wire: `system`, `user` or `assistant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(&Length(text)).finish(),
            Self::Conversation(messages) => f.debug_tuple("Conversation").field(messages).finish(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role).field("content", &Length(&self.content)).finish()
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Prompt {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Iterating over `&["a", "b"]` yields `&&str`.
impl From<&&str> for Prompt {
    fn from(text: &&str) -> Self {
        Self::Text((*text).to_owned())
    }
}

impl From<Cow<'_, str>> for Prompt {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

impl From<Vec<Message>> for Prompt {
    fn from(messages: Vec<Message>) -> Self {
        Self::Conversation(messages)
    }
}

impl From<&Vec<Message>> for Prompt {
    fn from(messages: &Vec<Message>) -> Self {
        Self::Conversation(messages.clone())
    }
}

impl From<&[Message]> for Prompt {
    fn from(messages: &[Message]) -> Self {
        Self::Conversation(messages.to_vec())
    }
}

impl<const N: usize> From<[Message; N]> for Prompt {
    fn from(messages: [Message; N]) -> Self {
        Self::Conversation(messages.into())
    }
}

impl From<&Self> for Prompt {
    fn from(prompt: &Self) -> Self {
        prompt.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_stored_in_the_form_of_the_chat_endpoints() {
        let talk = [Message::system("s"), Message::user("u"), Message::assistant("a")];
        let prompts = [Prompt::from("Hi"), Prompt::from(talk.clone())];
        let stored = json!(["Hi", talk.iter().map(Message::to_wire).collect::<Vec<_>>()]);
        assert_eq!(serde_json::to_value(&prompts).unwrap(), stored);
        assert_eq!(serde_json::from_value::<[Prompt; 2]>(stored).unwrap(), prompts);
        let later = json!({ "role": "user", "content": "u", "name": "new" });
        assert_eq!(serde_json::from_value::<Message>(later).unwrap(), talk[1]);
    }
}

//! Anthropic's `/v1/complete`, of before `/v1/messages`: a dialogue as one text in, its continuation out. It has two
//! versions, whose streams differ.
//!
//! Reference: <https://docs.anthropic.com/en/api/complete>, <https://docs.anthropic.com/en/api/versioning>

use std::borrow::Cow;
use std::iter;

use http::header::HeaderValue;

use crate::error::ApiError;
use crate::json::Json;
use crate::prompt::{Message, Role};
use crate::provider::completions::{DONE, Ending};
use crate::provider::wire::{Answer, Body, Fault, Piece, StreamReader, Wire, json};
use crate::result::Generation;
use crate::transport::Frame;

/// The last model behind the endpoint; servers often map the name to theirs.
pub(super) const DEFAULT_MODEL: &str = "claude-2.1";

/// What a turn of the human begins with.
const HUMAN: &str = "\n\nHuman:";

/// What a turn of the assistant begins with.
const ASSISTANT: &str = "\n\nAssistant:";

/// A version of Anthropic's API, as [`text_completions`](crate::Anthropic::text_completions) takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnthropicVersion {
    /// 2023-01-01, and that of servers which know of no versions. Each event of a stream has the whole text so far, and
    /// `data: [DONE]` is its end.
    V2023_01_01,
    /// 2023-06-01. Each event of a stream has a name and what is new, and the one with a stop reason is its end.
    V2023_06_01,
}

impl AnthropicVersion {
    /// The value of `anthropic-version`.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::V2023_01_01 => "2023-01-01",
            Self::V2023_06_01 => "2023-06-01",
        })
    }

    pub(super) fn wire(self) -> &'static dyn Wire {
        match self {
            Self::V2023_01_01 => &Complete { is_cumulative: true },
            Self::V2023_06_01 => &Complete { is_cumulative: false },
        }
    }
}

/// The conversation as the endpoint takes it. The human begins it, and says the system prompt too, as not all models know
/// of one. A single message that is a dialogue already is left as it is.
pub(super) fn prompt(system: &[&str], turns: &[&Message]) -> String {
    let system = system.join("\n\n");
    if let [only] = turns
        && let Some(rest) = only.content.strip_prefix(HUMAN)
        && rest.contains(ASSISTANT)
    {
        let is_plain = system.is_empty();
        return if is_plain { only.content.clone() } else { format!("{HUMAN} {system}\n\n{}", rest.trim_start()) };
    }
    let mut prompt = HUMAN.to_owned();
    let mut speaker = Role::User;
    let mut gap = " ";
    let system = (!system.is_empty()).then_some((Role::User, system.as_str()));
    for (role, text) in system.into_iter().chain(turns.iter().map(|it| (it.role, it.content.as_str()))) {
        if role == speaker {
            prompt.push_str(gap);
        } else {
            prompt.push_str(if role == Role::Assistant { ASSISTANT } else { HUMAN });
            prompt.push(' ');
        }
        prompt.push_str(text);
        (speaker, gap) = (role, "\n\n");
    }
    // A turn of the assistant at the end is one to be continued.
    if speaker != Role::Assistant {
        prompt.push_str(ASSISTANT);
    }
    prompt
}

/// What is said in a text, if it is a dialogue: each turn, and each paragraph of it, as the system prompt is in a turn too.
pub(crate) fn said(text: &str) -> impl Iterator<Item = &str> {
    let dialogue = text.strip_prefix(HUMAN).unwrap_or_default();
    let turns = dialogue.split(HUMAN).flat_map(|turns| turns.split(ASSISTANT));
    turns.flat_map(|turn| iter::once(turn).chain(turn.split("\n\n"))).map(str::trim)
}

/// The endpoint's language.
#[derive(Debug)]
struct Complete {
    /// Whether each event of a stream has the whole text so far.
    is_cumulative: bool,
}

impl Wire for Complete {
    fn path(&self, _model: &str, _is_stream: bool) -> Cow<'static, str> {
        "/v1/complete".into()
    }

    fn operation(&self) -> &'static str {
        "text_completion"
    }

    fn read(&self, body: &Json<'_>, _prompts: usize, _n: usize) -> Result<Answer, Fault> {
        let text = body["completion"].as_str().ok_or("has no `completion`")?;
        let mut generation = Generation::new(text);
        generation.note("finish_reason", &body["stop_reason"]);
        generation.note("stop_sequence", &body["stop"]);
        let model = body["model"].as_str().map(str::to_owned);
        // Tokens are not counted.
        Ok(Answer { generations: vec![vec![generation]], model, ..Answer::default() })
    }

    fn ask_for_stream(&self, body: &mut Body) {
        body.insert("stream".to_owned(), true.into());
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(CompleteStream { is_cumulative: self.is_cumulative, ..CompleteStream::default() })
    }
}

#[derive(Debug, Default)]
struct CompleteStream {
    is_cumulative: bool,
    /// The text so far, if each event repeats it.
    text: String,
    ending: Ending,
}

impl StreamReader for CompleteStream {
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault> {
        if frame.data.starts_with(DONE) {
            self.ending.finish();
            return Ok(());
        }
        let name = frame.name.as_deref();
        if name == Some("ping") {
            return Ok(());
        }
        let event = json(frame)?;
        if let Some(error) = ApiError::in_stream(&event) {
            return Err(error.into());
        }
        let Some(text) = event["completion"].as_str() else {
            // Other events are yet to come.
            let is_error = name == Some("error");
            return if is_error { Err("has an error event without an error".into()) } else { Ok(()) };
        };
        let mut new = text;
        if self.is_cumulative {
            new = text.strip_prefix(&self.text).ok_or("has an event that takes back what those before it said")?;
            self.text.push_str(new);
        }
        self.ending.read(&event, pieces);
        pieces.push(Piece::Text(new.to_owned()));
        pieces.push(Piece::Note("finish_reason", (&event["stop_reason"]).into()));
        pieces.push(Piece::Note("stop_sequence", (&event["stop"]).into()));
        if !self.is_cumulative && event["stop_reason"].as_str().is_some() {
            self.ending.finish();
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.ending.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(system: &[&str], turns: &[Message], expected: &str) {
        assert_eq!(prompt(system, &turns.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn texts_become_dialogues() {
        check(&[], &[Message::user("Hi")], "\n\nHuman: Hi\n\nAssistant:");
        check(&["s", "t"], &[Message::user("Hi")], "\n\nHuman: s\n\nt\n\nHi\n\nAssistant:");
        let only_begun = "\n\nHuman: \n\nHuman: Hi\n\nAssistant:";
        check(&[], &[Message::user("\n\nHuman: Hi")], only_begun);
    }

    #[test]
    fn what_is_said_in_a_dialogue() {
        let found: Vec<_> = said("\n\nHuman: s\n\na\n\nAssistant: b\n\nHuman:c").collect();
        assert_eq!(found, ["s\n\na", "s", "a", "b", "b", "c", "c"]);
        assert!(said("a\n\nHuman: b").all(str::is_empty));
    }

    #[test]
    fn dialogues_stay_as_they_are() {
        let dialogue = "\n\nHuman: a\n\nAssistant: b\n\nHuman:c\n\nAssistant: It is";
        check(&[], &[Message::user(dialogue)], dialogue);
        let with_system = "\n\nHuman: s\n\na\n\nAssistant: b\n\nHuman:c\n\nAssistant: It is";
        check(&["s"], &[Message::user(dialogue)], with_system);
    }

    #[test]
    fn conversations_become_dialogues() {
        let talk = [Message::user("a"), Message::assistant("b"), Message::user("c"), Message::user("d")];
        check(&[], &talk, "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nd\n\nAssistant:");
        check(&["s"], &talk[..2], "\n\nHuman: s\n\na\n\nAssistant: b");
        check(&["s"], &talk[1..3], "\n\nHuman: s\n\nAssistant: b\n\nHuman: c\n\nAssistant:");
        check(&[], &talk[1..2], "\n\nHuman:\n\nAssistant: b");
    }
}

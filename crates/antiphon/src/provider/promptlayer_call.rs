//! A call whose answers are logged when they are there.

use std::time::SystemTime;

use futures::StreamExt as _;
use serde_json::{Map, Value, json};

use super::call::Plan;
use super::promptlayer::{Entry, Log, Span, llm_output};
use crate::error::Error;
use crate::prompt::{Message, Prompt, Role};
use crate::result::{Generation, LlmOutput, LlmResult, PromptResults};
use crate::stream::{self, LlmStream, StreamEvent};

/// What the log is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// One entry for each prompt and its first completion, as in 2023.
    Completions,
    /// One entry for each answer.
    Chats,
}

impl Subject {
    /// The class that the log names.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Completions => "PromptLayerOpenAI",
            Self::Chats => "PromptLayerChatOpenAI",
        }
    }
}

#[derive(Debug)]
pub(super) struct Logged {
    pub(super) plan: Plan,
    /// `None` if there are no prompts.
    pub(super) log: Option<Log>,
    pub(super) kwargs: Map<String, Value>,
    pub(super) subject: Subject,
}

impl Logged {
    pub(super) async fn run(self) -> Result<LlmResult, Error> {
        let start = SystemTime::now();
        let mut result = self.plan.run().await?;
        let entries = self.entries(result.generations.iter().map(Vec::as_slice), &result.llm_output);
        for ((i, j), id) in self.write(entries, start).await {
            note(result.generations.get_mut(i), j, id);
        }
        Ok(result)
    }

    pub(super) async fn run_each(self) -> PromptResults {
        let start = SystemTime::now();
        let mut answers = self.plan.run_each().await;
        let generations = answers.results.iter().map(|result| result.generations.as_slice());
        let entries = self.entries(generations, &answers.llm_output);
        for ((i, j), id) in self.write(entries, start).await {
            note(answers.results.get_mut(i).map(|result| &mut result.generations), j, id);
        }
        answers
    }

    /// The log is written before the stream's last event.
    pub(super) async fn open(self) -> Result<LlmStream, Error> {
        let start = SystemTime::now();
        let events = stream::open(self.plan.clone()).await?;
        let mut logged = Some(self);
        Ok(LlmStream::new(events.then(move |event| {
            let logged = match &event {
                Ok(StreamEvent::End(_)) => logged.take(),
                _ => None,
            };
            async move {
                let (Ok(StreamEvent::End(mut result)), Some(logged)) = (event.clone(), logged) else {
                    return event;
                };
                let entries = logged.entries(result.generations.iter().map(Vec::as_slice), &result.llm_output);
                for ((i, j), id) in logged.write(entries, start).await {
                    note(result.generations.get_mut(i), j, id);
                }
                Ok(StreamEvent::End(result))
            }
        })))
    }

    async fn write(self, entries: Vec<Entry>, start: SystemTime) -> Vec<((usize, usize), Value)> {
        let span = Span { start, end: SystemTime::now() };
        match self.log {
            Some(log) if !entries.is_empty() => log.write(entries, self.kwargs, span).await,
            _ => Vec::new(),
        }
    }

    fn entries<'a>(&self, answers: impl Iterator<Item = &'a [Generation]>, output: &LlmOutput) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (i, (prompt, generations)) in self.plan.prompts.iter().zip(answers).enumerate() {
            match self.subject {
                Subject::Completions => {
                    let Some(first) = generations.first() else {
                        continue;
                    };
                    let text = match prompt {
                        Prompt::Text(text) => text.as_str(),
                        Prompt::Conversation(_) => "",
                    };
                    let response = json!({ "text": first.text, "llm_output": llm_output(output) });
                    entries.push(Entry { place: (i, 0), args: json!([text]), response });
                }
                Subject::Chats => {
                    let args: Value = prompt.clone().into_messages().iter().map(Message::to_wire).collect();
                    for (j, generation) in generations.iter().enumerate() {
                        let answer = Message { role: Role::Assistant, content: generation.text.clone() };
                        let response = json!([answer.to_wire()]);
                        entries.push(Entry { place: (i, j), args: args.clone(), response });
                    }
                }
            }
        }
        entries
    }
}

fn note(generations: Option<&mut Vec<Generation>>, j: usize, id: Value) {
    if let Some(generation) = generations.and_then(|it| it.get_mut(j)) {
        generation.note("pl_request_id", id);
    }
}

/// [`Llm`](crate::Llm) and its methods for a class with a `logged(Vec<Prompt>, is_stream, CallStyle)`.
macro_rules! logged_methods {
    ($class:ident) => {
        impl $class {
            crate::provider::call_methods::call_methods!(stringify!($class), concat!(stringify!($class), "::new()"));
        }

        impl crate::Llm for $class {
            fn call(
                &self,
                prompts: Vec<Prompt>,
                style: CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::LlmResult, Error>> {
                match self.logged(prompts, false, style) {
                    Ok(logged) => Box::pin(logged.run()),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn call_each(
                &self,
                prompts: Vec<Prompt>,
                style: CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::PromptResults, Error>> {
                match self.logged(prompts, false, style) {
                    Ok(logged) => Box::pin(async move { Ok(logged.run_each().await) }),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn open_stream(
                &self,
                prompt: Prompt,
                style: CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::LlmStream, Error>> {
                match self.logged(vec![prompt], true, style) {
                    Ok(logged) => Box::pin(logged.open()),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn shared(&self) -> std::sync::Arc<dyn crate::Llm> {
                std::sync::Arc::new(self.clone())
            }

            fn is_deterministic(&self) -> bool {
                self.asks_for_equal_answers()
            }
        }
    };
}

pub(super) use logged_methods;

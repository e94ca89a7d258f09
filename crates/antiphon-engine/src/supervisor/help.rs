//! The supervisor's part for completion and inspection: one at a time is with the host, and cells go first.
//!
//! rust-analyzer cannot be asked to stop. So what nobody waits for any more is never begun, a cell that waits for an answer
//! to come can be interrupted, and an answer that never comes costs the evaluator, once a cell needs it.

use std::collections::VecDeque;

use antiphon_channel::{Completions, ToHost};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Supervisor;

/// A question about a text, at a position in bytes.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) code: String,
    pub(crate) position: usize,
    pub(crate) answer: Answer,
}

/// Where its answer goes; a sender that is dropped says that there is none.
#[derive(Debug)]
pub(crate) enum Answer {
    Completions(oneshot::Sender<Completions>),
    Inspection(oneshot::Sender<Option<(String, String)>>),
}

impl Answer {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Completions(sender) => !sender.is_closed(),
            Self::Inspection(sender) => !sender.is_closed(),
        }
    }
}

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Help {
    waiting: VecDeque<Question>,
    /// The one that is with the host.
    asked: Option<(u64, Answer)>,
    /// It takes too long; nothing else is asked.
    is_overdue: bool,
}

impl Help {
    pub(super) fn push(&mut self, question: Question) {
        // Who asks what will not be answered learns so at once.
        if !self.is_overdue {
            self.waiting.push_back(question);
        }
    }

    /// Whether the host thinks about one.
    pub(super) fn is_under_way(&self) -> bool {
        self.asked.is_some()
    }

    /// Nobody waits for the one that is with the host any more, nor for those behind it.
    pub(super) fn give_up(&mut self) {
        self.is_overdue = true;
        self.waiting.clear();
    }

    /// Whether only the end of the host would end it.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue
    }

    /// The answer's place, if it is the answer that is waited for.
    fn take(&mut self, id: u64) -> Option<Answer> {
        self.asked.take_if(|(asked, _)| *asked == id).map(|(_, answer)| answer)
    }

    /// The host is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Supervisor {
    /// Asks the host the next question that somebody still has.
    pub(super) async fn ask_next(&mut self) {
        let Some(Question { code, position, answer }) =
            std::iter::from_fn(|| self.help.waiting.pop_front()).find(|question| question.answer.is_wanted())
        else {
            return;
        };
        let id = self.next_id();
        let question = match &answer {
            Answer::Completions(_) => ToHost::Complete { id, code, position },
            Answer::Inspection(_) => ToHost::Inspect { id, code, position },
        };
        self.help.asked = Some((id, answer));
        self.evaluator_due = Some(Instant::now() + self.limits.evaluator_grace);
        self.host.send(&question).await;
    }

    pub(super) async fn completed(&mut self, id: u64, completions: Completions) {
        if let Some(Answer::Completions(answer)) = self.help.take(id) {
            let _ = answer.send(completions);
            self.answered().await;
        }
    }

    pub(super) async fn inspected(&mut self, id: u64, text: Option<(String, String)>) {
        if let Some(Answer::Inspection(answer)) = self.help.take(id) {
            let _ = answer.send(text);
            self.answered().await;
        }
    }

    async fn answered(&mut self) {
        self.help.is_overdue = false;
        self.evaluator_due = None;
        self.start_next().await;
    }
}

//! What a cell asks the user for, one thing at a time.

use std::collections::VecDeque;

use crate::event::Event;

/// A line that code in the child waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// By the cell library's `input` or `password`; an interrupt ends the wait.
    Input { id: u64, prompt: String, password: bool },
    /// By a `read` of standard input.
    Stdin {
        prompt: String,
        password: bool,
        /// The thread that reads is the cell's own: only the end of the process ends the wait.
        blocks_cell: bool,
    },
}

impl Ask {
    fn event(&self) -> Event {
        let (Self::Input { prompt, password, .. } | Self::Stdin { prompt, password, .. }) = self;
        Event::InputRequest { prompt: prompt.clone(), password: *password }
    }
}

/// What is asked and not answered yet. The front end is asked for the first.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    waiting: VecDeque<Ask>,
    /// evcxr's own form of asking was read, and its question is about to come: it is what the thread reads for.
    is_announced: bool,
    /// Lines given to standard input; the child counts too, and so tells what it asked before the last one came.
    lines: u64,
}

impl Asks {
    /// Whether a question to standard input with a prompt is about to be pushed.
    pub(crate) fn announce(&mut self, is_announced: bool) {
        self.is_announced = is_announced;
    }

    /// Adds a question; gives the event if it is the next one.
    pub(crate) fn push(&mut self, ask: Ask) -> Option<Event> {
        self.waiting.push_back(ask);
        (self.waiting.len() == 1).then(|| self.waiting[0].event())
    }

    /// A thread waits in a `read` of standard input. `given` is how many lines the child had got by then.
    pub(crate) fn stdin_read(&mut self, given: u64, blocks_cell: bool) -> Option<Event> {
        // evcxr's own form of asking was seen before, or a line is on its way.
        if given != self.lines || self.is_announced || self.waiting.iter().any(|ask| matches!(ask, Ask::Stdin { .. })) {
            return None;
        }
        self.push(Ask::Stdin { prompt: String::new(), password: false, blocks_cell })
    }

    /// The question that is answered now, if there is one, and the event of the next.
    pub(crate) fn answered(&mut self) -> Option<(Ask, Option<Event>)> {
        let ask = self.waiting.pop_front()?;
        self.lines += u64::from(matches!(ask, Ask::Stdin { .. }));
        Some((ask, self.waiting.front().map(Ask::event)))
    }

    /// Whether the cell's own thread waits where an interrupt does not reach it.
    pub(crate) fn block_cell(&self) -> bool {
        self.waiting.iter().any(|ask| matches!(ask, Ask::Stdin { blocks_cell: true, .. }))
    }

    /// The cell is over: gives what nobody will answer.
    pub(crate) fn end_cell(&mut self) -> impl Iterator<Item = u64> {
        self.waiting.drain(..).filter_map(|ask| match ask {
            Ask::Input { id, .. } => Some(id),
            Ask::Stdin { .. } => None,
        })
    }

    /// Another child begins.
    pub(crate) fn child_started(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(id: u64) -> Ask {
        Ask::Input { id, prompt: format!("{id}?"), password: false }
    }

    fn asked(prompt: &str) -> Event {
        Event::InputRequest { prompt: prompt.to_owned(), password: false }
    }

    #[test]
    fn one_thing_is_asked_at_a_time() {
        let mut asks = Asks::default();
        assert_eq!(asks.push(input(1)), Some(asked("1?")));
        assert_eq!(asks.push(input(2)), None);
        assert_eq!(asks.answered(), Some((input(1), Some(asked("2?")))));
        assert_eq!(asks.end_cell().collect::<Vec<_>>(), [2]);
        assert_eq!(asks.answered(), None);
    }

    #[test]
    fn a_read_that_is_noticed_before_its_prompt_does_not_take_its_place() {
        let mut asks = Asks::default();
        asks.announce(true);
        assert_eq!(asks.stdin_read(0, true), None);
        asks.announce(false);
        let evcxr = Ask::Stdin { prompt: "Name".to_owned(), password: false, blocks_cell: true };
        assert_eq!(asks.push(evcxr.clone()), Some(asked("Name")));
        assert_eq!(asks.answered(), Some((evcxr, None)));
        assert_eq!(asks.stdin_read(1, true), Some(asked("")));
    }

    #[test]
    fn a_read_is_asked_for_once() {
        let mut asks = Asks::default();
        let evcxr = Ask::Stdin { prompt: "Name".to_owned(), password: false, blocks_cell: true };
        assert_eq!(asks.push(evcxr.clone()), Some(asked("Name")));
        assert!(asks.block_cell());
        assert_eq!(asks.stdin_read(0, true), None);
        assert_eq!(asks.answered(), Some((evcxr, None)));
        // The child asked before the line reached it.
        assert_eq!(asks.stdin_read(0, true), None);
        assert_eq!(asks.stdin_read(1, false), Some(asked("")));
        assert!(!asks.block_cell());
    }
}

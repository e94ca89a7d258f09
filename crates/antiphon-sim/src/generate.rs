//! What a model call yields: the texts and why they end.

use std::{
    collections::HashMap,
    iter,
    sync::{Mutex, PoisonError},
};

use crate::{
    replies,
    seed::{self, Random},
    tokens,
};

/// One prompt to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) model: &'a str,
    /// Everything that the model is told: what the choice of the answer depends on.
    pub(crate) prompt: &'a str,
    /// The part of it that is to be answered.
    pub(crate) question: &'a str,
    /// What the text starts with.
    pub(crate) lead: &'static str,
    /// How many answers.
    pub(crate) choices: usize,
    pub(crate) sampling: &'a Sampling,
}

/// The parameters of a request that shape its texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sampling {
    /// No limit if absent.
    pub(crate) max_tokens: Option<u64>,
    /// Texts end before the first of these.
    pub(crate) stop: Vec<String>,
    /// With a seed, equal requests get equal answers.
    pub(crate) seed: Option<i64>,
    /// Whether every choice and every equal request gets the same answer, as with temperature 0.
    pub(crate) greedy: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) text: String,
    pub(crate) finish: Finish,
}

/// Why a text ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The answer was complete.
    Complete,
    /// `max_tokens` was reached.
    Length,
    /// This stop sequence came next.
    StopSequence(String),
}

/// Answers prompts. It remembers how many times it saw each, by a hash, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Generator {
    seed: u64,
    /// Whether models show their thoughts without being asked.
    thinks_aloud: bool,
    /// How long texts are, if not as long as they happen to be.
    reply_tokens: Option<usize>,
    seen: Mutex<HashMap<u64, u64>>,
}

impl Generator {
    pub(crate) fn new(seed: u64, thinks_aloud: bool, reply_tokens: Option<usize>) -> Self {
        Self { seed, thinks_aloud, reply_tokens, seen: Mutex::default() }
    }

    pub(crate) fn answer(&self, ask: &Ask<'_>) -> Vec<Completion> {
        let key = seed::hash(&[ask.model, ask.prompt]);
        let fixed = ask.sampling.greedy || ask.sampling.seed.is_some();
        let occurrence = if fixed { 0 } else { self.count(key) };
        let request_seed = ask.sampling.seed.map_or(0, i64::cast_unsigned);
        let choice = |index: usize| {
            let index = if ask.sampling.greedy { 0 } else { index as u64 };
            let mut random = Random::new(self.seed, &[key, occurrence, request_seed, index]);
            let text = format!("{}{}", ask.lead, replies::reply(ask.question, &mut random));
            match self.reply_tokens {
                Some(tokens) => cut(&repeated(&text, tokens), ask.sampling),
                None => cut(&text, ask.sampling),
            }
        };
        (0..ask.choices).map(choice).collect()
    }

    /// What the model thinks before it answers, if that is `wanted`: the same for each choice. It counts as output, but
    /// not towards the limit.
    pub(crate) fn thoughts(&self, ask: &Ask<'_>, wanted: bool) -> Option<String> {
        (wanted || self.thinks_aloud).then(|| replies::thoughts(ask.question))
    }

    /// How many times `key` was seen before.
    fn count(&self, key: u64) -> u64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(key).or_default();
        *count += 1;
        *count - 1
    }
}

/// `text` again and again, until there are this many tokens.
fn repeated(text: &str, tokens: usize) -> String {
    let again = format!(" {}", text.trim_start());
    tokens::tokens(text).chain(iter::repeat_with(|| tokens::tokens(&again)).flatten()).take(tokens).collect()
}

/// Ends `text` where a model would have: at the limit, or before a stop sequence that comes
/// earlier.
fn cut(text: &str, sampling: &Sampling) -> Completion {
    let limit = sampling.max_tokens.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let within: String = tokens::tokens(text).take(limit).collect();
    let stops = sampling.stop.iter().filter(|stop| !stop.is_empty());
    let first = stops.filter_map(|stop| within.find(stop.as_str()).map(|at| (at, stop))).min_by_key(|(at, _)| *at);
    match first {
        Some((at, stop)) => Completion { text: within[..at].to_owned(), finish: Finish::StopSequence(stop.clone()) },
        None if within.len() < text.len() => Completion { text: within, finish: Finish::Length },
        None => Completion { text: within, finish: Finish::Complete },
    }
}

#[cfg(test)]
mod tests {
    use super::{Completion, Finish, Sampling, cut, repeated};
    use crate::tokens;

    #[test]
    fn text_is_repeated_to_the_token() {
        assert_eq!(repeated("\n\nI am. And you?", 9), "\n\nI am. And you? I am.");
        assert_eq!(repeated("I am. And you?", 3), "I am.");
        assert_eq!(tokens::count(&repeated("I am.", 200)), 200);
    }

    #[test]
    fn text_ends_at_the_limit_or_before_the_first_stop_sequence() {
        let check = |max_tokens, stop: &[&str], text: &str, finish| {
            let stop = stop.iter().map(ToString::to_string).collect();
            let sampling = Sampling { max_tokens, stop, ..Sampling::default() };
            assert_eq!(cut("\n\nI am well. And you?", &sampling), Completion { text: text.to_owned(), finish });
        };
        check(None, &[], "\n\nI am well. And you?", Finish::Complete);
        check(Some(7), &[], "\n\nI am well. And you?", Finish::Complete);
        check(Some(3), &[], "\n\nI am well", Finish::Length);
        check(Some(0), &[], "", Finish::Length);
        check(None, &["And", " well", ""], "\n\nI am", Finish::StopSequence(" well".to_owned()));
        check(Some(2), &[" well"], "\n\nI am", Finish::Length);
        check(None, &["\n"], "", Finish::StopSequence("\n".to_owned()));
    }
}

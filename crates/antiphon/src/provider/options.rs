//! The request options of the OpenAI classes, checked before they are sent.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::private::Private;

/// Answers to a prompt that are a request each.
const MOST_ANSWERS: u32 = 1_000;

/// Options as the user set them; `None` and empty mean "not sent".
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) model: Option<String>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) n: u32,
    pub(crate) stop: Vec<String>,
    /// What a chat model is told before the conversation.
    pub(crate) system: Option<Private>,
    pub(crate) top_p: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) best_of: Option<u32>,
    /// By token id.
    pub(crate) logit_bias: BTreeMap<u32, f64>,
    pub(crate) seed: Option<i64>,
    /// Prompts per request.
    pub(crate) batch_size: usize,
}

impl Options {
    pub(crate) fn new(temperature: f64, max_tokens: Option<u32>) -> Self {
        Self {
            model: None,
            temperature: Some(temperature),
            max_tokens,
            n: 1,
            stop: Vec::new(),
            system: None,
            top_p: None,
            frequency_penalty: None,
            presence_penalty: None,
            best_of: None,
            logit_bias: BTreeMap::new(),
            seed: None,
            batch_size: 20,
        }
    }

    /// Ranges as in OpenAI's reference: <https://platform.openai.com/docs/api-reference/completions>
    pub(crate) fn check(&self, is_stream: bool) -> Result<(), Error> {
        check_model(self.model.as_deref())?;
        check_range("temperature", self.temperature, 0.0..=2.0)?;
        check_range("top_p", self.top_p, 0.0..=1.0)?;
        check_range("frequency_penalty", self.frequency_penalty, -2.0..=2.0)?;
        check_range("presence_penalty", self.presence_penalty, -2.0..=2.0)?;
        for &bias in self.logit_bias.values() {
            check_range("logit_bias", Some(bias), -100.0..=100.0)?;
        }
        check_positive("n", Some(self.n))?;
        check_positive("max_tokens", self.max_tokens)?;
        check_one_for_stream(is_stream, "n", Some(self.n))?;
        check_one_for_stream(is_stream, "best_of", self.best_of)?;
        if self.batch_size == 0 {
            return Err(Error::invalid_setting("batch_size", "must be at least 1"));
        }
        if let Some(best_of) = self.best_of
            && best_of < self.n
        {
            let problem = format!("must be at least n ({}), not {best_of}", self.n);
            return Err(Error::invalid_setting("best_of", problem));
        }
        Ok(())
    }

    /// The options that both of OpenAI's endpoints have, under their names there.
    pub(crate) fn to_wire(&self, model: &str) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), model.into());
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        add("temperature", self.temperature.map(Value::from));
        add("top_p", self.top_p.map(Value::from));
        add("frequency_penalty", self.frequency_penalty.map(Value::from));
        add("presence_penalty", self.presence_penalty.map(Value::from));
        add("n", (self.n > 1).then(|| self.n.into()));
        add("stop", (!self.stop.is_empty()).then(|| json!(self.stop)));
        add("logit_bias", (!self.logit_bias.is_empty()).then(|| json!(self.logit_bias)));
        add("seed", self.seed.map(Value::from));
        body
    }
}

/// A stream is one answer.
pub(crate) fn check_one_for_stream(is_stream: bool, setting: &str, value: Option<u32>) -> Result<(), Error> {
    match value {
        Some(value) if is_stream && value > 1 => {
            Err(Error::invalid_setting(setting, format!("must be 1 for a stream, not {value}")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_model(model: Option<&str>) -> Result<(), Error> {
    if model.is_some_and(|model| model.trim().is_empty()) {
        return Err(Error::invalid_setting("model", "must not be empty"));
    }
    Ok(())
}

/// For models that take a request for each answer: more are a mistake, and would fill the memory.
pub(crate) fn check_answers(n: Option<u32>) -> Result<(), Error> {
    match n {
        Some(n) if n > MOST_ANSWERS => {
            Err(Error::invalid_setting("n", format!("must be at most {MOST_ANSWERS}, not {n}")))
        }
        _ => check_positive("n", n),
    }
}

/// NaN is in no range.
pub(crate) fn check_range(setting: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Result<(), Error> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (low, high) = (range.start(), range.end());
            let problem = format!("must be between {low} and {high}, not {value}");
            Err(Error::invalid_setting(setting, problem))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_positive(setting: &str, value: Option<u32>) -> Result<(), Error> {
    if value == Some(0) {
        return Err(Error::invalid_setting(setting, "must be at least 1"));
    }
    Ok(())
}

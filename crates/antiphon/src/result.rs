//! What a call answers.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::finish_reason::FinishReason;
use crate::prompt::Prompt;

/// The answer to a list of prompts.
///
/// Its `Display` is the text alone; with more than one completion, each is preceded by its place
/// in [`generations`](Self::generations).
///
/// ```
/// use antiphon::{Generation, LlmOutput, LlmResult};
///
/// let result = LlmResult::new(
///     vec![vec![Generation::new("Fine.")], vec![Generation::new("Hello!")]],
///     LlmOutput::default(),
/// );
/// assert_eq!(result.generations[1][0].text, "Hello!");
/// assert_eq!(result.to_string(), "[0] Fine.\n[1] Hello!");
/// ```
///
/// A program can store it and read it again, without its prompts:
///
/// ```
/// # use antiphon::{Generation, LlmOutput, LlmResult};
/// # let result = LlmResult::new(vec![vec![Generation::new("Fine.")]], LlmOutput::default());
/// let stored = serde_json::to_string(&result)?;
/// let read: LlmResult = serde_json::from_str(&stored)?;
/// assert_eq!(read.generations, result.generations);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LlmResult {
    /// Completions: the outer index is the prompt's, in the order given; the inner one counts the
    /// `n` completions of that prompt. A server that does not know `n` gives one.
    pub generations: Vec<Vec<Generation>>,
    /// What is known of the call as a whole.
    #[serde(default)]
    pub llm_output: LlmOutput,
}

/// One completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Generation {
    /// The model's text, as it came (the original's completions began with blank lines).
    pub text: String,
    /// What else came with it. Keys are present only when there is something to say:
    ///
    /// - `finish_reason`: why the model stopped, in the provider's own word; [`finish_reason`](Self::finish_reason) has
    ///   it in a common one
    /// - `logprobs`, `refusal`, `stop_sequence`: as sent by the provider
    /// - `prompt_filter_results`, `content_filter_results`: what Azure's content filter found
    /// - `response_model`: the model that answered, if its name is not the one asked for
    /// - `request_id`: the provider's name for the request
    /// - `retries`: how often the request was sent again
    /// - `dropped_params`: settings that were left out because the model refuses them
    /// - `fallback`: which model of a [`Fallback`](crate::Fallback) answered, if not the first
    /// - `hedged`: that the second call of a [`Hedged`](crate::Hedged) answered
    /// - `reasoning`: the model's thoughts, where the provider shows them
    /// - `pl_request_id`: PromptLayer's name for the logged request
    #[serde(default)]
    pub generation_info: Map<String, Value>,
}

/// Facts about a whole call. Two are equal if the same was asked and answered, however long it took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LlmOutput {
    /// Tokens used, summed over the call's requests.
    pub token_usage: TokenUsage,
    /// The model asked for.
    pub model_name: String,
    /// The prompts, in the order given. Not serialized: a result may be stored where its prompts must not.
    #[serde(skip)]
    pub prompts: Vec<Prompt>,
    /// What the caller waited: from the call's start to the end of its last answer, with retries, waits for limits, and
    /// calls that were made before another answered ([`Fallback`](crate::Fallback), [`Hedged`](crate::Hedged)). Not
    /// serialized.
    #[serde(skip)]
    pub duration: Duration,
}

impl PartialEq for LlmOutput {
    fn eq(&self, other: &Self) -> bool {
        let Self { token_usage, model_name, prompts, duration: _ } = self;
        *token_usage == other.token_usage && *model_name == other.model_name && *prompts == other.prompts
    }
}

/// Numbers of tokens, in [OpenTelemetry's words](https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/). Zero where the server reports none.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{OpenAI, TokenUsage};
///
/// let llm = OpenAI::new();
/// let responses = [llm.agenerate(["Hello"]).await?, llm.agenerate(["How are you?"]).await?];
/// let usage: TokenUsage = responses.iter().map(|response| response.llm_output.token_usage).sum();
/// println!("{} tokens", usage.total_tokens);
/// # assert_eq!(usage.total_tokens, usage.input_tokens + usage.output_tokens);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TokenUsage {
    /// Tokens of the prompts, cached ones included.
    pub input_tokens: u64,
    /// Tokens the model wrote, hidden reasoning included.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// The part of `input_tokens` that came from the provider's cache, at a lower price.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_input_tokens: u64,
    /// The part of `input_tokens` that was written to that cache, at a higher price.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_creation_input_tokens: u64,
    /// The part of `output_tokens` that was hidden reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_output_tokens: u64,
}

/// The answer to a list of prompts of which some may have failed.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), antiphon::Error> {
/// # let sim = antiphon_sim::for_example();
/// use antiphon::ChatOpenAI;
///
/// # sim.inject(antiphon_sim::Fault::Error(antiphon_sim::ErrorAnswer::insufficient_quota()));
/// let answers = ChatOpenAI::new().agenerate_each(["Hello", "How are you?"]).await?;
/// for (prompt, result) in answers.results.iter().enumerate() {
///     match &result.error {
///         None => println!("{prompt}: {}", result.generations[0]),
///         Some(error) => println!("{prompt}: {error}"),
///     }
/// }
/// # assert_eq!(answers.errors().count(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PromptResults {
    /// One for each prompt, in the order given.
    pub results: Vec<PromptResult>,
    /// What is known of the call as a whole; tokens are counted for requests that succeeded.
    pub llm_output: LlmOutput,
}

/// What came of one prompt.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PromptResult {
    /// Its completions. With an error there are fewer than asked for: those that came all the same, from a provider
    /// that takes a request for each (Anthropic).
    pub generations: Vec<Generation>,
    /// Why completions are missing.
    pub error: Option<Error>,
}

impl PromptResults {
    /// Whether every prompt was answered.
    pub fn is_ok(&self) -> bool {
        self.results.iter().all(|result| result.error.is_none())
    }

    /// The failures, each with the place of its prompt.
    pub fn errors(&self) -> impl Iterator<Item = (usize, &Error)> {
        let errors = self.results.iter().enumerate();
        errors.filter_map(|(prompt, result)| Some((prompt, result.error.as_ref()?)))
    }

    /// The plain form.
    ///
    /// # Errors
    ///
    /// The failure of the first prompt that failed; the answers of the others are lost.
    pub fn into_result(self) -> Result<LlmResult, Error> {
        let generations = self.results.into_iter().map(PromptResult::into_result).collect::<Result<_, _>>()?;
        Ok(LlmResult::new(generations, self.llm_output))
    }
}

/// Every prompt was answered.
impl From<LlmResult> for PromptResults {
    fn from(result: LlmResult) -> Self {
        let results = result.generations.into_iter().map(|generations| PromptResult { generations, error: None });
        Self { results: results.collect(), llm_output: result.llm_output }
    }
}

impl PromptResult {
    /// All completions, or why they are not all there.
    ///
    /// # Errors
    ///
    /// The prompt's error.
    pub fn into_result(self) -> Result<Vec<Generation>, Error> {
        self.error.map_or(Ok(self.generations), Err)
    }
}

impl LlmResult {
    /// Puts a result together; providers do this, and so may test doubles.
    pub fn new(generations: Vec<Vec<Generation>>, llm_output: LlmOutput) -> Self {
        Self { generations, llm_output }
    }
}

impl Generation {
    /// A completion of which only the text is known.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), generation_info: Map::new() }
    }

    /// Why the model stopped, in the same words for all providers; `None` if it is not known.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.generation_info.get("finish_reason")?.as_str().map(FinishReason::from_word)
    }

    /// Notes `value` unless it says nothing.
    pub(crate) fn note(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.generation_info.insert(key.to_owned(), value);
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TokenUsage {
    /// Adds the total up if the provider did not.
    pub(crate) fn new(input_tokens: u64, output_tokens: u64, total_tokens: Option<u64>) -> Self {
        let total_tokens = total_tokens.unwrap_or(input_tokens.saturating_add(output_tokens));
        Self { input_tokens, output_tokens, total_tokens, ..Self::default() }
    }
}

impl Add for TokenUsage {
    type Output = Self;

    /// Saturates: a server may report nonsense.
    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.saturating_add(other.cache_read_input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .saturating_add(other.cache_creation_input_tokens),
            reasoning_output_tokens: self.reasoning_output_tokens.saturating_add(other.reasoning_output_tokens),
        }
    }
}

impl Sum for TokenUsage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for LlmResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.generations.as_slice()
            && let [generation] = only.as_slice()
        {
            return generation.fmt(f);
        }
        let mut separator = "";
        for (i, completions) in self.generations.iter().enumerate() {
            for (j, generation) in completions.iter().enumerate() {
                write!(f, "{separator}[{i}]")?;
                if completions.len() > 1 {
                    write!(f, "[{j}]")?;
                }
                write!(f, " {}", generation.text.trim_start())?;
                separator = "\n";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn what_was_stored_is_read_again() {
        let mut generation = Generation::new("Fine.");
        generation.note("logprobs", json!({ "tokens": [0.5] }));
        let token_usage = TokenUsage { reasoning_output_tokens: 3, ..TokenUsage::new(1, 4, None) };
        let output = LlmOutput { token_usage, model_name: "m".to_owned(), ..LlmOutput::default() };
        let result = LlmResult::new(vec![vec![generation], Vec::new()], output);
        assert_eq!(from_value::<LlmResult>(to_value(&result).unwrap()).unwrap(), result);
    }

    #[test]
    fn what_another_version_stored_is_read() {
        let read = |stored| from_value::<LlmResult>(stored).map_err(|error| error.to_string());
        let expected = LlmResult::new(vec![vec![Generation::new("a")]], LlmOutput::default());
        assert_eq!(read(json!({ "generations": [[{ "text": "a" }]] })).unwrap(), expected);
        let output = json!({ "token_usage": { "new": 1 }, "new": 1, "prompts": ["not read"] });
        let later = json!({ "generations": [[{ "text": "a", "new": 1 }]], "llm_output": output, "new": 1 });
        assert_eq!(read(later).unwrap(), expected);
        assert_eq!(read(json!({})).unwrap_err(), "missing field `generations`");
        assert_eq!(read(json!({ "generations": [[{}]] })).unwrap_err(), "missing field `text`");
    }
}

//! The seam between transport and providers: what a wire format has to say. It builds bodies and reads them; it does
//! no I/O. To add a provider is to add a file with an implementation of [`Wire`] and a class, and its names to
//! [`Provider`](super::Provider).

use std::borrow::Cow;
use std::fmt::Debug;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::error::{ApiError, Error};
use crate::json::Json;
use crate::result::{Generation, TokenUsage};
use crate::transport::{Endpoint, Frame, Framing};

/// The body of a request, before the provider's own path of sending it.
pub(crate) type Body = Map<String, Value>;

/// One endpoint's language.
pub(crate) trait Wire: Debug + Send + Sync {
    /// The endpoint, after the base URL. It may name the model, and have a query.
    fn path(&self, model: &str, is_stream: bool) -> Cow<'static, str>;

    /// What OpenTelemetry calls it (`gen_ai.operation.name`).
    fn operation(&self) -> &'static str {
        "chat"
    }

    /// Reads an answer to `prompts` prompts in one request, of `n` completions each.
    ///
    /// # Errors
    ///
    /// The error that the answer reports, or what is wrong with it.
    fn read(&self, body: &Json<'_>, prompts: usize, n: usize) -> Result<Answer, Fault>;

    /// Makes a body one that asks for a stream.
    fn ask_for_stream(&self, body: &mut Body);

    /// How its streams are cut.
    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    /// A reader for one stream.
    fn stream_reader(&self) -> Box<dyn StreamReader>;
}

/// What a request was answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// By prompt, then by completion.
    pub(crate) generations: Vec<Vec<Generation>>,
    pub(crate) usage: TokenUsage,
    /// The model that answered, by its own name.
    pub(crate) model: Option<String>,
}

/// Reads one stream, frame by frame.
pub(crate) trait StreamReader: Debug + Send {
    /// Reads a frame and adds what it says to `pieces`.
    ///
    /// # Errors
    ///
    /// The error that the frame reports, or what is wrong with it.
    fn read(&mut self, frame: &Frame, pieces: &mut Vec<Piece>) -> Result<(), Fault>;

    /// Whether the end marker has come.
    fn is_finished(&self) -> bool;

    /// Whether the answer is whole if the body ends now, for formats without an end marker.
    fn may_end(&self) -> bool {
        false
    }
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Reasoning(String),
    /// All counts so far; it replaces earlier ones.
    Usage(TokenUsage),
    /// Something for `generation_info`.
    Note(&'static str, Value),
    /// The model that answers.
    Model(String),
}

/// Why an answer, or a frame of one, is none.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The provider reports an error in the middle of a success.
    Api(Box<ApiError>),
    /// It makes no sense, to follow "the answer ".
    Unexpected(String),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<&str> for Fault {
    fn from(problem: &str) -> Self {
        Self::Unexpected(problem.to_owned())
    }
}

impl Fault {
    /// The error for the user. `sent` is what the provider may repeat of the request.
    pub(crate) fn into_error(self, endpoint: &Endpoint, request_id: Option<&str>, sent: &[u8]) -> Error {
        match self {
            Self::Api(mut error) => {
                error.request_id = error.request_id.or_else(|| request_id.map(str::to_owned));
                endpoint.refusal(*error, sent)
            }
            Self::Unexpected(problem) => Error::unexpected_body(200, problem, request_id.map(str::to_owned)),
        }
    }
}

/// A request's body as it is posted. A [`Value`] of it takes several times the room and is wanted only when something has
/// gone wrong.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) text: Bytes,
    /// About how many tokens the request will use.
    pub(crate) tokens: u64,
}

impl From<&Value> for Payload {
    fn from(body: &Value) -> Self {
        // Its keys are strings and its writer takes all: nothing can fail.
        let text = serde_json::to_vec(body).unwrap_or_default();
        Self { text: text.into(), tokens: estimate(body) }
    }
}

impl From<Body> for Payload {
    fn from(body: Body) -> Self {
        (&Value::Object(body)).into()
    }
}

/// What a payload's text says.
pub(crate) fn fields(text: &[u8]) -> Body {
    // It was made of an object.
    serde_json::from_slice(text).unwrap_or_default()
}

/// About how many tokens a request will use: a token for every four bytes of it, and all that it allows as output.
fn estimate(body: &Value) -> u64 {
    let (mut output, mut answers, mut prompts) = (None, None, 1);
    // In one pass: looking for each name would hash them all, for every request.
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "max_completion_tokens" | "max_tokens" | "max_tokens_to_sample" => output = value.as_u64(),
            "options" => output = value["num_predict"].as_u64(),
            "generationConfig" => {
                output = value["maxOutputTokens"].as_u64();
                answers = value["candidateCount"].as_u64();
            }
            "inferenceConfig" => output = value["maxTokens"].as_u64(),
            "n" => answers = value.as_u64(),
            "prompt" => prompts = value.as_array().map_or(1, Vec::len) as u64,
            _ => {}
        }
    }
    let answers = answers.unwrap_or(1).saturating_mul(prompts);
    (texts(body) / 4).saturating_add(output.unwrap_or(0).saturating_mul(answers))
}

/// The length of all texts.
fn texts(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(texts).sum(),
        Value::Object(fields) => fields.values().map(texts).sum(),
        _ => 0,
    }
}

/// Reads a frame's JSON.
pub(crate) fn json(frame: &Frame) -> Result<Json<'_>, Fault> {
    Json::parse(frame.data.as_bytes())
        .map_err(|error| Fault::Unexpected(format!("has an event that is not JSON: {error}")))
}

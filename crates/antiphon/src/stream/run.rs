//! Runs a stream: opened with retries, read as far as its reader asks.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, stream};
use tracing::{Instrument as _, Span};

use super::{LlmStream, StreamEvent};
use crate::callbacks::CallInfo;
use crate::error::Error;
use crate::json::Json;
use crate::limits::Lane;
use crate::provider::{Answer as Whole, Fault, Piece, Plan, Repaired, StreamReader, repairing};
use crate::result::{Generation, LlmOutput, LlmResult, TokenUsage};
use crate::retry::Attempts;
use crate::telemetry;
use crate::transport::{Endpoint, FrameParser, Opened, StreamBody};

/// Opens the plan's one request as a stream.
pub(crate) fn open(plan: Plan) -> BoxFuture<'static, Result<LlmStream, Error>> {
    async move {
        let info = CallInfo::of(&plan, true);
        let span = telemetry::span(&plan, true);
        info.start(&plan);
        let begun = Instant::now();
        let mut attempts = plan.endpoint.as_ref().map(|endpoint| endpoint.attempts(&plan.model));
        match Answer::open(&plan, attempts.as_mut()).instrument(span.clone()).await {
            Ok(answer) => {
                telemetry::first_chunk(&span, begun.elapsed());
                if let Some(attempts) = attempts.as_mut().filter(|_| !plan.restart_streams) {
                    attempts.end();
                }
                let running = Running { plan, info, span, begun, answer, attempts };
                Ok(LlmStream::new(stream::unfold(Some(Box::new(running)), Running::step)))
            }
            Err(error) => {
                info.end(&plan, Err(&error));
                telemetry::end(&span, Err(&error));
                Err(error)
            }
        }
    }
    .boxed()
}

/// A stream that its reader reads.
struct Running {
    plan: Plan,
    info: CallInfo,
    span: Span,
    begun: Instant,
    answer: Answer,
    attempts: Option<Attempts>,
}

type Step = Option<(Result<StreamEvent, Error>, Option<Box<Running>>)>;

impl Running {
    async fn step(running: Option<Box<Self>>) -> Step {
        let mut running = running?;
        match running.next().await {
            Ok(StreamEvent::End(result)) => {
                running.info.end(&running.plan, Ok(&result));
                telemetry::end(&running.span, Ok(&result));
                Some((Ok(StreamEvent::End(result)), None))
            }
            Ok(event) => {
                match &event {
                    StreamEvent::Text(text) => running.info.token(&running.plan, text),
                    StreamEvent::Restart => running.info.restart(&running.plan),
                    _ => {}
                }
                Some((Ok(event), Some(running)))
            }
            Err(error) => {
                running.info.end(&running.plan, Err(&error));
                telemetry::end(&running.span, Err(&error));
                Some((Err(error), None))
            }
        }
    }

    async fn next(&mut self) -> Result<StreamEvent, Error> {
        match self.answer.next(&self.plan).await {
            Err(error) => {
                let admission = self.answer.facts.admission.take();
                // Its connection is of no more use.
                self.answer = Answer::new(None, None);
                let (Some(attempts), Some(admission)) = (&mut self.attempts, admission) else {
                    return Err(error);
                };
                let restart = async {
                    attempts.again(error, admission).await?;
                    Answer::open(&self.plan, Some(attempts)).await
                };
                self.answer = restart.instrument(self.span.clone()).await?;
                Ok(StreamEvent::Restart)
            }
            Ok(StreamEvent::End(mut result)) => {
                result.llm_output.duration = self.begun.elapsed();
                Ok(StreamEvent::End(result))
            }
            event => event,
        }
    }
}

/// One answer as far as it has come.
struct Answer {
    /// `None` when the answer came whole.
    source: Option<Source>,
    pieces: VecDeque<Piece>,
    generation: Generation,
    reasoning: String,
    usage: TokenUsage,
    model: Option<String>,
    facts: Repaired,
}

struct Source {
    body: StreamBody,
    parser: FrameParser,
    reader: Box<dyn StreamReader>,
    sent: Bytes,
    /// The frames that one piece of the body completed, read in one go.
    batch: Vec<Piece>,
}

impl Answer {
    /// Asks, again if need be, until the first event has come.
    async fn open(plan: &Plan, attempts: Option<&mut Attempts>) -> Result<Self, Error> {
        let (Some(endpoint), Some(attempts), [job]) = (&plan.endpoint, attempts, plan.jobs.as_slice()) else {
            return Err(Error::invalid_prompt(0, "is not one request, which a stream must be"));
        };
        let lane = &*attempts.lane();
        let answer = repairing(endpoint, &plan.model, attempts, &job.body, |sent| async move {
            Self::attempt(plan, endpoint, &sent, lane).await
        });
        let (mut answer, repaired) = answer.await?;
        answer.facts = Repaired { request_id: answer.facts.request_id.take(), ..repaired };
        Ok(answer)
    }

    async fn attempt(plan: &Plan, endpoint: &Endpoint, sent: &Bytes, lane: &Lane) -> Result<Self, Error> {
        let framing = plan.wire.framing();
        let path = plan.wire.path(&plan.model, true);
        let read = |body: &Json<'_>| plan.wire.read(body, 1, plan.n);
        match endpoint.open(&path, sent, framing, lane, read).await? {
            Opened::Whole(answer, request_id) => Ok(Self::whole(answer, request_id)),
            Opened::Stream(body, request_id) => {
                let (parser, reader) = (FrameParser::new(framing), plan.wire.stream_reader());
                let source = Source { body, parser, reader, sent: sent.clone(), batch: Vec::new() };
                let mut answer = Self::new(Some(source), request_id);
                answer.fill(endpoint).await?;
                Ok(answer)
            }
        }
    }

    fn new(source: Option<Source>, request_id: Option<String>) -> Self {
        Self {
            source,
            pieces: VecDeque::new(),
            generation: Generation::new(""),
            reasoning: String::new(),
            usage: TokenUsage::default(),
            model: None,
            facts: Repaired { request_id, ..Repaired::default() },
        }
    }

    /// The answer of a server that does not stream, as one piece.
    fn whole(mut read: Whole, request_id: Option<String>) -> Self {
        let mut answer = Self::new(None, request_id);
        if let Some(mut generation) = read.generations.pop().and_then(|mut it| it.pop()) {
            answer.pieces.push_back(Piece::Text(std::mem::take(&mut generation.text)));
            answer.generation = generation;
        }
        answer.model = read.model;
        answer.pieces.push_back(Piece::Usage(read.usage));
        answer
    }

    /// Reads until there is something to say or the end marker has come.
    async fn fill(&mut self, endpoint: &Endpoint) -> Result<(), Error> {
        let filled = self.read(endpoint).await;
        filled.map_err(|error| error.with_request_id(self.facts.request_id.as_deref()))
    }

    async fn read(&mut self, endpoint: &Endpoint) -> Result<(), Error> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let Source { body, parser, reader, sent, batch } = source;
        let request_id = &self.facts.request_id;
        let unexpected = |problem| Error::unexpected_body(200, problem, request_id.clone());
        while self.pieces.is_empty() && !reader.is_finished() {
            let mut is_cut = false;
            let mut frame = parser.next().map_err(unexpected)?;
            if frame.is_none() {
                if let Some(bytes) = body.chunk().await? {
                    parser.push(&bytes);
                    continue;
                }
                is_cut = true;
                frame = parser.finish();
            }
            let Some(frame) = frame else {
                if reader.may_end() && parser.is_between_frames() {
                    return Ok(());
                }
                return Err(Error::truncated(endpoint.host()));
            };
            reader.read(&frame, batch).map_err(|fault| match fault {
                Fault::Unexpected(_) if is_cut => Error::truncated(endpoint.host()),
                fault => fault.into_error(endpoint, request_id.as_deref(), sent),
            })?;
            for piece in batch.drain(..) {
                match piece {
                    Piece::Note(key, value) => self.generation.note(key, value),
                    Piece::Model(model) => self.model = Some(model),
                    Piece::Text(text) | Piece::Reasoning(text) if text.is_empty() => {}
                    Piece::Usage(usage) if usage == self.usage => {}
                    piece => self.pieces.push_back(piece),
                }
            }
        }
        Ok(())
    }

    async fn next(&mut self, plan: &Plan) -> Result<StreamEvent, Error> {
        if self.pieces.is_empty()
            && let Some(endpoint) = &plan.endpoint
        {
            let filled = self.fill(endpoint).await;
            let retries = self.facts.retries;
            filled.map_err(|it| it.with_provider(endpoint.provider).with_model(&plan.model).with_retries(retries))?;
        }
        Ok(match self.pieces.pop_front() {
            Some(Piece::Text(text)) => {
                self.generation.text.push_str(&text);
                StreamEvent::Text(text)
            }
            Some(Piece::Reasoning(text)) => {
                self.reasoning.push_str(&text);
                StreamEvent::Reasoning(text)
            }
            Some(Piece::Usage(usage)) => {
                self.usage = usage;
                StreamEvent::Usage(usage)
            }
            // The others went where they belong.
            Some(Piece::Note(..) | Piece::Model(_)) | None => StreamEvent::End(self.end(plan).await),
        })
    }

    async fn end(&mut self, plan: &Plan) -> LlmResult {
        if let Some(source) = self.source.take() {
            source.body.finish().await;
        }
        if let Some(admission) = self.facts.admission.take() {
            admission.settle(self.usage.total_tokens);
        }
        let mut generation = std::mem::replace(&mut self.generation, Generation::new(""));
        if !self.reasoning.is_empty() {
            generation.note("reasoning", std::mem::take(&mut self.reasoning));
        }
        self.facts.note_on(&mut generation, &plan.model, self.model.as_deref());
        plan.note_dropped(&mut generation);
        // Its duration is the stream's to know.
        let llm_output = LlmOutput {
            token_usage: self.usage,
            model_name: plan.model.clone(),
            prompts: plan.prompts.clone(),
            ..LlmOutput::default()
        };
        LlmResult::new(vec![vec![generation]], llm_output)
    }
}

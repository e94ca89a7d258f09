//! Where a request becomes a response: route, parse, plan, render.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, request},
    response::Response,
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::{
    activity::ActivityCounter,
    anthropic::{
        self,
        complete::{self, Dialect},
        messages,
    },
    azure, bedrock,
    builder::Settings,
    fault::{Fault as Injected, FaultQueue},
    fields::Fields,
    gemini,
    generate::Generator,
    ollama,
    openai::{self, chat, completions},
    plan::{Charge, Payload, Plan},
    promptlayer,
    refusal::{Fault, Refusal},
    render::render,
    request_log::{RecordedRequest, RequestLog},
    route::{Endpoint, Provider, route},
    seed::Random,
    server::Hangup,
};

/// The largest body that is taken, in bytes; Anthropic's documented limit.
const BODY_LIMIT: usize = 32 << 20;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Service {
    settings: Settings,
    generator: Generator,
    pub(crate) activity: ActivityCounter,
    pub(crate) log: RequestLog,
    pub(crate) faults: FaultQueue,
    /// How many requests came, of any kind.
    requests: AtomicU64,
    /// How many of them asked a model.
    calls: AtomicU64,
}

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) provider: Provider,
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) request_id: String,
    /// What further ids are drawn from.
    pub(crate) random: Random,
}

/// A request that was understood.
#[derive(Debug)]
enum Call {
    Completions(completions::Request),
    Chat(chat::Request),
    Azure(azure::Request),
    Gemini(gemini::Request),
    Bedrock(bedrock::Request),
    Messages(messages::Request),
    Complete(complete::Request),
    Ollama(ollama::Request),
    /// It asks no model, and this is the answer.
    Direct(StatusCode, Value),
}

/// Answers any request.
pub(crate) async fn answer(service: Arc<Service>, request: Request, hangup: Hangup) -> Response {
    let in_flight = service.activity.begin_request();
    let (head, body) = request.into_parts();
    let body = read(body).await;
    let mut exchange = service.exchange(&head);
    let plan = service
        .plan(&mut exchange, &head, body)
        .unwrap_or_else(|refusal| Plan::at_once(refusal.status, Payload::Refused(refusal)));
    let latency = match &plan.fault {
        Some(Injected::Delay(delay)) => plan.latency + *delay,
        _ => plan.latency,
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match &plan.fault {
        Some(Injected::Stall) => std::future::pending().await,
        Some(Injected::Reset) => {
            hangup.reset();
            std::future::pending().await
        }
        _ => {
            let load = service.settings.report_limits.then(|| service.activity.now().in_flight);
            render(plan, &exchange, load, in_flight, hangup)
        }
    }
}

/// Reads a body. One that is too large is read to its end all the same, since a client that is
/// still writing would not see the answer; what a client broke off is as good as empty.
async fn read(body: Body) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut len = 0;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        len += chunk.len();
        if len <= BODY_LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    if len > BODY_LIMIT { Err(Fault::TooLarge) } else { Ok(bytes) }
}

impl Service {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            generator: Generator::new(settings.seed, settings.thinks_aloud, settings.reply_tokens),
            settings,
            activity: ActivityCounter::default(),
            log: RequestLog::default(),
            faults: FaultQueue::default(),
            requests: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<crate::tls::Tls> {
        self.settings.tls.clone()
    }

    pub(crate) fn max_streams(&self) -> u32 {
        self.settings.max_streams
    }

    fn exchange(&self, head: &request::Parts) -> Exchange {
        let provider = Provider::of(head.uri.path(), &head.headers);
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut random = Random::new(self.settings.seed, &[number]);
        let request_id = match provider {
            Provider::Anthropic => format!("req_01{}", random.alphanumeric(22)),
            _ => {
                format!("req_{:016x}{:016x}", random.next(), random.next())
            }
        };
        Exchange { provider, number, request_id, random }
    }

    /// Records the request and decides on the answer.
    fn plan(
        &self,
        exchange: &mut Exchange,
        head: &request::Parts,
        body: Result<Vec<u8>, Fault>,
    ) -> Result<Plan, Refusal> {
        let refuse = |fault: &Fault| exchange.provider.refuse(fault);
        let (method, path) = (&head.method, head.uri.path());
        let body_len = body.as_ref().map_or(0, Vec::len);
        let json = body.map(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let recorded = json.as_ref().ok().cloned().flatten().unwrap_or_default();
        let recorded = RecordedRequest::new(method, &head.uri, &head.headers, recorded);
        let has_key = recorded.key_in.iter().any(|place| exchange.provider.key_places().contains(place));
        self.log.push(recorded, body_len);
        self.activity.request_received();

        let endpoint = route(exchange.provider, method, path).map_err(|fault| refuse(&fault))?;
        if self.settings.require_key && !has_key && endpoint != Endpoint::Health {
            return Err(refuse(&Fault::MissingKey));
        }
        let is_message = matches!(endpoint, Endpoint::Messages | Endpoint::CountTokens);
        if is_message && !head.headers.contains_key("anthropic-version") {
            return Err(anthropic::missing_version());
        }
        let json = json.map_err(|fault| refuse(&fault))?;
        let call = self.parse(endpoint, head, json.as_ref(), exchange)?;
        if let Some(name) = call.model().filter(|name| !self.has_model(exchange.provider, name)) {
            return Err(refuse(&Fault::UnknownModel { name: name.to_owned() }));
        }
        Ok(self.plan_call(&call, exchange))
    }

    fn has_model(&self, provider: Provider, name: &str) -> bool {
        let models = &self.settings.models;
        let is_meant = |model: &String| {
            let rest = model.strip_prefix(name);
            rest == Some("") || (provider == Provider::Ollama && rest == Some(":latest"))
        };
        models.is_empty() || models.iter().any(is_meant)
    }

    /// The names of the models there are, or `examples` where any name will do.
    fn listed<'a>(&'a self, examples: &[&'a str]) -> Vec<&'a str> {
        let models = &self.settings.models;
        if models.is_empty() { examples.to_vec() } else { models.iter().map(String::as_str).collect() }
    }

    fn plan_call(&self, call: &Call, exchange: &mut Exchange) -> Plan {
        let (payload, tokens): (Payload, Charge) = match call {
            Call::Direct(status, body) => return Plan::at_once(*status, Payload::Json(body.clone())),
            Call::Completions(request) => completions::answer(request, &self.generator, &mut exchange.random),
            Call::Chat(request) => chat::answer(request, &self.generator, &mut exchange.random),
            Call::Azure(request) => azure::answer(request, &self.generator, &mut exchange.random),
            Call::Gemini(request) => gemini::answer(request, &self.generator, &mut exchange.random),
            Call::Bedrock(request) => bedrock::answer(request, &self.generator),
            Call::Messages(request) => messages::answer(request, &self.generator, &mut exchange.random),
            Call::Complete(request) => complete::answer(request, &self.generator, &mut exchange.random),
            Call::Ollama(request) => ollama::answer(request, &self.generator),
        };
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        Plan {
            latency: self.settings.latency.draw(self.settings.seed, number),
            chunk_gap: self.settings.chunk_gap(),
            status: StatusCode::OK,
            payload,
            tokens,
            fault: self.faults.pop(),
        }
    }
    /// Reads a request for `endpoint`.
    fn parse(
        &self,
        endpoint: Endpoint,
        head: &request::Parts,
        json: Option<&Value>,
        exchange: &Exchange,
    ) -> Result<Call, Refusal> {
        let fields = |refuse: fn(&Fault) -> Refusal| match json {
            Some(Value::Object(object)) => Ok(Fields::new(object, refuse)),
            _ => Err(refuse(&Fault::NotJson)),
        };
        let found = |body: Value| Call::Direct(StatusCode::OK, body);
        Ok(match endpoint {
            Endpoint::Completions => Call::Completions(completions::parse(&fields(openai::refuse)?)?),
            Endpoint::ChatCompletions => Call::Chat(chat::parse(&fields(openai::refuse)?)?),
            Endpoint::AzureChat => Call::Azure(azure::parse(&head.uri, json)?),
            Endpoint::GenerateContent => Call::Gemini(gemini::parse(&head.uri, &fields(gemini::refuse)?)?),
            Endpoint::Converse => Call::Bedrock(bedrock::parse(&head.uri, &fields(bedrock::refuse)?)?),
            Endpoint::Messages => Call::Messages(messages::parse(&fields(anthropic::refuse)?)?),
            Endpoint::CountTokens => found(messages::count_tokens(&fields(anthropic::refuse)?)?),
            Endpoint::Complete => {
                Call::Complete(complete::parse(&fields(anthropic::refuse)?, Dialect::of(&head.headers))?)
            }
            Endpoint::OllamaChat => Call::Ollama(ollama::parse(ollama::Shape::Chat, &fields(ollama::refuse)?)?),
            Endpoint::OllamaGenerate => Call::Ollama(ollama::parse(ollama::Shape::Generate, &fields(ollama::refuse)?)?),
            Endpoint::OllamaTags => found(ollama::tags(&self.listed(&ollama::EXAMPLES))),
            Endpoint::OllamaVersion => found(ollama::version()),
            Endpoint::OpenAiModels => found(openai::models(&self.listed(&openai::EXAMPLES))),
            Endpoint::AnthropicModels => found(anthropic::models(&self.listed(&anthropic::EXAMPLES))),
            Endpoint::TrackRequest => {
                found(promptlayer::track_request(&fields(promptlayer::refuse)?, exchange.number)?)
            }
            Endpoint::LogRequest => {
                let body = promptlayer::log_request(&fields(promptlayer::refuse)?, exchange.number)?;
                Call::Direct(StatusCode::CREATED, body)
            }
            Endpoint::Health => found(json!({"status": "ok", "simulated": true})),
        })
    }
}

impl Call {
    /// The model that is asked.
    fn model(&self) -> Option<&str> {
        match self {
            Self::Completions(request) => Some(request.model()),
            Self::Chat(request) => Some(request.model()),
            Self::Azure(request) => Some(request.model()),
            Self::Gemini(request) => Some(request.model()),
            Self::Bedrock(request) => Some(request.model()),
            Self::Messages(request) => Some(request.model()),
            Self::Complete(request) => Some(request.model()),
            Self::Ollama(request) => Some(request.model()),
            Self::Direct(..) => None,
        }
    }
}

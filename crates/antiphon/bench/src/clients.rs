//! The clients, each with the settings that its documentation suggests and no retries.

use std::str::FromStr;

use antiphon::connections;
use anyhow::{Context as _, bail, ensure};
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatRequest};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{ModelIden, ServiceTarget};
use rig_core::completion::CompletionRequest;
use rig_core::providers::openai as rig_openai;
use rig_reqwest::ReqwestClient;
use serde_json::{Value, json};

use crate::case::Protocol;

const QUESTION: &str = "Hello, how are you?";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Antiphon,
    /// On the program's runtime.
    AntiphonDriven,
    Reqwest,
    AsyncOpenAi,
    GenAi,
    Rig,
    LangChainOld,
    LangChainNew,
}

impl Client {
    pub(crate) const ALL: [Self; 8] = [
        Self::Antiphon,
        Self::AntiphonDriven,
        Self::Reqwest,
        Self::AsyncOpenAi,
        Self::GenAi,
        Self::Rig,
        Self::LangChainOld,
        Self::LangChainNew,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Antiphon => "antiphon",
            Self::AntiphonDriven => "antiphon, drive_on",
            Self::Reqwest => "bare reqwest 0.13",
            Self::AsyncOpenAi => "async-openai 0.43",
            Self::GenAi => "genai 0.7",
            Self::Rig => "rig 0.44",
            Self::LangChainOld => "LangChain 0.0.131",
            Self::LangChainNew => "LangChain 1.5",
        }
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Antiphon | Self::AntiphonDriven)
    }

    /// The variable that names the Python of a client in Python.
    pub(crate) fn python(self) -> Option<&'static str> {
        match self {
            Self::LangChainOld => Some("ANTIPHON_BENCH_PYTHON_OLD"),
            Self::LangChainNew => Some("ANTIPHON_BENCH_PYTHON_NEW"),
            _ => None,
        }
    }
}

impl FromStr for Client {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name).context("no such client")
    }
}

/// Something that makes one call; each future is one.
pub(crate) type Caller = Box<dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

pub(crate) fn caller(client: Client, protocol: Protocol, url: &str, certificate: &str) -> anyhow::Result<Caller> {
    if client.is_ours() && !certificate.is_empty() {
        connections::configure(connections::Options::new().root_certificate(certificate)?);
    }
    if client == Client::AntiphonDriven {
        connections::drive_on(&tokio::runtime::Handle::current())?;
    }
    let v1 = format!("{url}/v1");
    Ok(match (client, protocol) {
        (Client::Antiphon | Client::AntiphonDriven, Protocol::Stream) => {
            let llm = antiphon::ChatOpenAI::new().base_url(v1).model("m").max_retries(0);
            Box::new(move || {
                let llm = llm.clone();
                Box::pin(async move {
                    llm.astream(QUESTION).await?.result().await?;
                    Ok(())
                })
            })
        }
        (Client::Antiphon | Client::AntiphonDriven, _) => {
            let http2 = protocol == Protocol::Http2;
            let llm = antiphon::ChatOpenAI::new().base_url(v1).model("m").max_retries(0).http2_prior_knowledge(http2);
            Box::new(move || {
                let call = llm.agenerate([QUESTION]);
                Box::pin(async move {
                    call.await?;
                    Ok(())
                })
            })
        }
        (Client::Reqwest, _) => {
            let client = http(protocol, certificate)?;
            let url = format!("{v1}/chat/completions");
            Box::new(move || {
                let body = json!({
                    "model": "m", "messages": [{"role": "user", "content": QUESTION}],
                    "stream": protocol == Protocol::Stream,
                });
                let request = client.post(&url).json(&body);
                Box::pin(async move {
                    let response = request.send().await?.error_for_status()?;
                    if protocol == Protocol::Stream { read_events(response).await } else { whole(response).await }
                })
            })
        }
        (Client::AsyncOpenAi, _) => {
            let config = OpenAIConfig::new().with_api_base(v1).with_api_key("k");
            let client = async_openai::Client::build(http(protocol, certificate)?, config);
            Box::new(move || {
                let client = client.clone();
                Box::pin(async move {
                    let message = ChatCompletionRequestUserMessage::from(QUESTION);
                    let request =
                        CreateChatCompletionRequestArgs::default().model("m").messages([message.into()]).build()?;
                    let response = client.chat().create(request).await?;
                    response.choices.first().context("no choice")?;
                    Ok(())
                })
            })
        }
        (Client::GenAi, _) => {
            let resolver = ServiceTargetResolver::from_resolver_fn(
                move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
                    Ok(ServiceTarget {
                        endpoint: Endpoint::from_owned(format!("{v1}/")),
                        auth: AuthData::from_single("k"),
                        model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
                    })
                },
            );
            let client = genai::Client::builder()
                .with_reqwest(http(protocol, certificate)?)
                .with_service_target_resolver(resolver)
                .build()?;
            Box::new(move || {
                let client = client.clone();
                Box::pin(async move {
                    let request = ChatRequest::new(vec![ChatMessage::user(QUESTION)]);
                    let answer = client.exec_chat("m", request, None).await?;
                    answer.first_text().context("no text")?;
                    Ok(())
                })
            })
        }
        (Client::Rig, _) => {
            let config = rig_openai::OpenAIConfig { base_url: v1, ..rig_openai::OpenAIConfig::new("k") };
            let model = config.connect(ReqwestClient::from(http(protocol, certificate)?)).chat("m");
            Box::new(move || {
                let answer = model.call(CompletionRequest::new(QUESTION));
                Box::pin(async move {
                    ensure!(!answer.await?.text().is_empty(), "no text");
                    Ok(())
                })
            })
        }
        (Client::LangChainOld | Client::LangChainNew, _) => bail!("it is in python/client.py"),
    })
}

fn http(protocol: Protocol, certificate: &str) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder().no_proxy();
    if protocol == Protocol::Http2 {
        builder = builder.http2_prior_knowledge();
    }
    if !certificate.is_empty() {
        let certificate = reqwest::Certificate::from_pem(certificate.as_bytes());
        builder = builder.add_root_certificate(certificate.context("not a certificate")?);
    }
    Ok(builder.build()?)
}

async fn whole(response: reqwest::Response) -> anyhow::Result<()> {
    let body: Value = response.json().await?;
    body["choices"][0]["message"]["content"].as_str().context("no text")?;
    Ok(())
}

/// What a careful hand would write: split into events, read each as JSON, wait for the end marker.
async fn read_events(response: reqwest::Response) -> anyhow::Result<()> {
    let (mut buffer, mut text) = (Vec::new(), String::new());
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        buffer.extend_from_slice(&chunk?);
        while let Some(end) = buffer.windows(2).position(|it| it == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            let data = event.strip_prefix(b"data: ").context("no data")?.trim_ascii_end();
            if data == b"[DONE]" {
                while chunks.next().await.is_some() {}
                return Ok(());
            }
            let event: Value = serde_json::from_slice(data)?;
            text.push_str(event["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        }
    }
    bail!("the stream ended early")
}

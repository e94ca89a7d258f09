//! Methods that several classes have, so that they are written and documented once.
//!
//! Each macro takes the path of fields from the class to the settings it writes to.

/// Setters of [`Connection`](super::connection::Connection).
macro_rules! connection_setters {
    ($($field:ident).+) => {
        /// Sets the API key. Without it the environment's counts; see
        /// [`EnvVars`](crate::EnvVars).
        pub fn api_key(mut self, key: impl Into<String>) -> Self {
            self.$($field).+.api_key = Some(crate::secret::Secret::new(key));
            self
        }

        /// Sends requests to another server, for example `http://localhost:8000/v1`. A server that
        /// is not the provider's own needs no key.
        pub fn base_url(mut self, url: impl Into<String>) -> Self {
            self.$($field).+.base_url = Some(crate::transport::UrlText::new(url));
            self
        }

        /// Sends a request up to this many times again if that may help: after a broken connection, a timeout, or the
        /// statuses 408, 409, 429 and 5xx, unless the provider says otherwise (`x-should-retry`); never when the account
        /// has no credit left. It waits as long as the provider asks (`retry-after-ms`, `Retry-After`), or half a second,
        /// doubled each time up to 8 seconds, less up to a quarter by chance. If the provider asks for more than two
        /// minutes (Anthropic: one), the call fails at once. Default: 2.
        ///
        /// A 429 holds back all calls of the process to the same server with the same key and model; those that would have
        /// to wait for more than these minutes fail at once, too, but for one each such time. Of other retries
        /// these calls together may make a hundred, and one more for every five calls and with every second: a provider
        /// that is down is not asked three times as often.
        ///
        /// References: what is retried, and the waits, as in the official clients of
        /// [OpenAI](https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py) and
        /// [Anthropic](https://github.com/anthropics/anthropic-sdk-python/blob/main/src/anthropic/_base_client.py);
        /// `Retry-After`: [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3).
        pub fn max_retries(mut self, retries: u32) -> Self {
            self.$($field).+.max_retries = retries;
            self
        }

        /// Gives an attempt this long: from its start, connecting and waiting for a connection included, to the last byte
        /// of its answer. A retry is a new attempt; waits before it, and for rate limits, do not count. Default: 600
        /// seconds, or an hour for a stream.
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($field).+.timeout = Some(timeout);
            self
        }

        /// Gives an attempt this long to begin: from its start, connecting included, to the first byte of its answer.
        /// Default: no limit but [`timeout`](Self::timeout), as an answer that is not streamed begins when it is
        /// written.
        pub fn first_byte_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($field).+.first_byte_timeout = Some(timeout);
            self
        }

        /// Gives a stream this long from one piece to the next; signs of life without text count. Default: 300
        /// seconds.
        pub fn idle_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($field).+.idle_timeout = Some(timeout);
            self
        }

        /// Whether a stream that breaks after its first event is asked for again, as often and after such waits as
        /// [`max_retries`](Self::max_retries) says, retries before its first event included. It then starts from the
        /// beginning, with [`StreamEvent::Restart`](crate::StreamEvent::Restart), and is billed again. Default: no.
        pub fn restart_streams(mut self, wanted: bool) -> Self {
            self.$($field).+.restart_streams = wanted;
            self
        }

        /// Whether a server at an `http://` URL is spoken to in HTTP/2. Servers behind `https://` say themselves what
        /// they speak. Default: no.
        pub fn http2_prior_knowledge(mut self, known: bool) -> Self {
            self.$($field).+.http2_prior_knowledge = known;
            self
        }

        /// Opens up to `connections` connections to the server, so that the first calls need not; over HTTP/2 one is
        /// enough for any number. They are closed again when nothing uses them for a while; for an example see
        /// [`connections`](crate::connections).
        ///
        /// # Errors
        ///
        /// As [`agenerate`](Self::agenerate), before the first request.
        ///
        /// # Cancel safety
        ///
        /// Connections that are open when the future is dropped stay open.
        pub fn warm_up(
            &self,
            connections: usize,
        ) -> futures::future::BoxFuture<'static, Result<(), crate::Error>> {
            self.$($field).+.warm_up(connections)
        }

        /// Sends at most this many requests in any 60 seconds, together with all other calls of this process to the same
        /// server with the same key and model, of which the last that sets a limit sets it for all. Calls beyond it wait,
        /// first come, first served. A retry is a request, too. 0 is an error of the calls
        /// ([`InvalidInput`](crate::ErrorKind::InvalidInput)). Default: no limit but what the provider reports in its rate
        /// limit headers.
        pub fn requests_per_minute(mut self, requests: u32) -> Self {
            self.$($field).+.set_limits.requests_per_minute = Some(requests);
            self
        }

        /// Uses at most this many tokens in any 60 seconds, counted as [`requests_per_minute`](Self::requests_per_minute)
        /// counts. Before a call they are estimated: one for every four bytes of text, and all of `max_tokens`; after it
        /// the provider's own count replaces the estimate. 0 is an error of the calls
        /// ([`InvalidInput`](crate::ErrorKind::InvalidInput)). Default: no limit but what the provider reports.
        pub fn tokens_per_minute(mut self, tokens: u32) -> Self {
            self.$($field).+.set_limits.tokens_per_minute = Some(tokens);
            self
        }

        /// Sends this header with each request, for example `anthropic-beta`, or `X-Title` for `OpenRouter`. It replaces
        /// one of the same name.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.$($field).+.headers.push((name.into(), crate::secret::Secret::new(value)));
            self
        }

        /// Sends this field with each request, as it is, for what has no setter here: `response_format` or
        /// `reasoning_effort` of OpenAI, `service_tier` of Anthropic, `top_k` of vLLM, `provider` of `OpenRouter`. It
        /// replaces a field of the same name; if both are objects, such as `generationConfig` of Gemini or `options` of
        /// Ollama, their fields are put together. `stream` is refused. `Debug` shows the field's name only.
        ///
        /// For [`Bedrock`](crate::Bedrock) it is a field of the model's own, in `additionalModelRequestFields`: `top_k` or
        /// `thinking` of Claude.
        ///
        /// ```
        /// # let sim = antiphon_sim::for_example();
        /// use antiphon::ChatOpenAI;
        /// use serde_json::json;
        ///
        /// let llm = ChatOpenAI::new().extra("response_format", json!({ "type": "json_object" }));
        /// println!("{}", llm.generate(["Name three colours, as JSON."])?);
        /// # assert_eq!(sim.requests()[0].body["response_format"]["type"], "json_object");
        /// # Ok::<(), antiphon::Error>(())
        /// ```
        pub fn extra(mut self, field: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
            self.$($field).+.extra.set(field.into(), value.into());
            self
        }

        /// Tells `callback` what happens in each call; may be used several times.
        pub fn callback(mut self, callback: impl crate::Callbacks + 'static) -> Self {
            self.$($field).+.callbacks.push(std::sync::Arc::new(callback));
            self
        }
    };
}

/// Setters that only OpenAI has use for.
macro_rules! organization_setters {
    ($($field:ident).+) => {
        /// Bills this OpenAI organization.
        pub fn organization(mut self, organization: impl Into<String>) -> Self {
            self.$($field).+.organization = Some(organization.into());
            self
        }

        /// Bills this OpenAI project.
        pub fn project(mut self, project: impl Into<String>) -> Self {
            self.$($field).+.project = Some(project.into());
            self
        }
    };
}

/// Setters of [`Options`](super::options::Options) that both OpenAI endpoints have.
macro_rules! openai_setters {
    ($($field:ident).+) => {
        /// Asks this model.
        pub fn model(mut self, model: impl Into<String>) -> Self {
            self.$($field).+.model = Some(model.into());
            self
        }

        /// Sets how much chance there is in the choice of tokens, from 0 to 2. Default: 0.7 for `OpenAI`, `ChatOpenAI`
        /// and their PromptLayer twins; not sent by other classes.
        pub fn temperature(mut self, temperature: f64) -> Self {
            self.$($field).+.temperature = Some(temperature);
            self
        }

        /// Ends a completion after this many tokens, at least 1. Default: 256 for `OpenAI` and `PromptLayerOpenAI`, as in
        /// 2023; not sent by other classes, so that the model's own limit counts.
        pub fn max_tokens(mut self, tokens: u32) -> Self {
            self.$($field).+.max_tokens = Some(tokens);
            self
        }

        /// Asks for this many completions of each prompt. Default: 1.
        pub fn n(mut self, completions: u32) -> Self {
            self.$($field).+.n = completions;
            self
        }

        /// Ends a completion before any of these texts. OpenAI takes up to four.
        pub fn stop<I>(mut self, texts: I) -> Self
        where
            I: IntoIterator,
            I::Item: Into<String>,
        {
            self.$($field).+.stop = texts.into_iter().map(Into::into).collect();
            self
        }

        /// Chooses from the likeliest tokens that together have this probability, from 0 to 1.
        pub fn top_p(mut self, probability: f64) -> Self {
            self.$($field).+.top_p = Some(probability);
            self
        }

        /// Disfavours tokens by how often they have come already, from -2 to 2.
        pub fn frequency_penalty(mut self, penalty: f64) -> Self {
            self.$($field).+.frequency_penalty = Some(penalty);
            self
        }

        /// Disfavours tokens that have come already, from -2 to 2.
        pub fn presence_penalty(mut self, penalty: f64) -> Self {
            self.$($field).+.presence_penalty = Some(penalty);
            self
        }

        /// Makes tokens, given by their ids, more or less likely, from -100 (never) to 100.
        pub fn logit_bias(mut self, biases: impl IntoIterator<Item = (u32, f64)>) -> Self {
            self.$($field).+.logit_bias = biases.into_iter().collect();
            self
        }

        /// Asks for the same answer to the same request, as far as the server can.
        pub fn seed(mut self, seed: i64) -> Self {
            self.$($field).+.seed = Some(seed);
            self
        }
    };
}

/// Setter of the system prompt of the chat classes.
macro_rules! system_setter {
    ($($field:ident).+) => {
        /// Tells the model how to answer, before each conversation.
        pub fn system(mut self, text: impl Into<String>) -> Self {
            self.$($field).+.system = Some(crate::private::Private::from(text));
            self
        }
    };
}

/// Setters that the classes have alike which are not of OpenAI's family.
macro_rules! sampling_setters {
    ($($field:ident).+) => {
        /// Ends an answer before any of these texts.
        pub fn stop<I>(mut self, texts: I) -> Self
        where
            I: IntoIterator,
            I::Item: Into<String>,
        {
            self.$($field).+.stop = texts.into_iter().map(Into::into).collect();
            self
        }

        /// Chooses from the likeliest tokens that together have this probability, from 0 to 1.
        pub fn top_p(mut self, probability: f64) -> Self {
            self.$($field).+.top_p = Some(probability);
            self
        }
    };
}

pub(super) use {connection_setters, openai_setters, organization_setters, sampling_setters, system_setter};

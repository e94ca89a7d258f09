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

        /// Sends a request up to this many times again if that may help. Default: 2.
        pub fn max_retries(mut self, retries: u32) -> Self {
            self.$($field).+.max_retries = retries;
            self
        }

        /// Gives an attempt this long, from connecting to the last byte of its answer. A retry is a
        /// new attempt. Default: 600 seconds.
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($field).+.timeout = Some(timeout);
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

        /// Sets how much chance there is in the choice of tokens, from 0 to 2. Default: 0.7.
        pub fn temperature(mut self, temperature: f64) -> Self {
            self.$($field).+.temperature = Some(temperature);
            self
        }

        /// Ends a completion after this many tokens.
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

/// `agenerate` and `generate` over the class's `start(Vec<Prompt>, CallStyle)`.
macro_rules! generate_methods {
    () => {
        /// Answers `prompts`; await the future to get the result.
        ///
        /// Settings are looked up and checked now; nothing is sent before the future is polled. The
        /// future borrows nothing, so it can be spawned. An empty list gives an empty result
        /// without a request.
        ///
        /// # Errors
        ///
        /// The first failure of any request, after its retries; the call's other requests are then
        /// dropped. See [`ErrorKind`](crate::ErrorKind) for the causes.
        ///
        /// # Cancel safety
        ///
        /// Dropping the future drops its requests and closes their connections. What the provider
        /// had begun by then is lost, and may be billed.
        pub fn agenerate<P>(
            &self,
            prompts: P,
        ) -> futures::future::BoxFuture<'static, Result<crate::LlmResult, crate::Error>>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt>,
        {
            let prompts = prompts.into_iter().map(Into::into).collect();
            self.start(prompts, crate::provider::CallStyle::Async)
        }

        /// Answers `prompts` and blocks until the result is there, in or outside of a runtime; see
        /// [`blocking`](crate::blocking).
        ///
        /// # Errors
        ///
        /// As [`agenerate`](Self::agenerate).
        ///
        /// # Panics
        ///
        /// Inside a [`tokio::task::LocalSet`] of a multi-thread runtime, where tokio forbids
        /// blocking.
        pub fn generate<P>(&self, prompts: P) -> Result<crate::LlmResult, crate::Error>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt>,
        {
            let prompts = prompts.into_iter().map(Into::into).collect();
            crate::blocking::wait(self.start(prompts, crate::provider::CallStyle::Blocking))
        }
    };
}

pub(super) use {connection_setters, generate_methods, openai_setters, organization_setters};

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

        /// Gives an attempt this long: from its start, connecting included, to the last byte of its answer. A retry is
        /// a new attempt. Default: 600 seconds, or an hour for a stream.
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

        /// Whether a stream that breaks after its first event is asked for again, as often as
        /// [`max_retries`](Self::max_retries) says. It then starts from the beginning, with
        /// [`StreamEvent::Restart`](crate::StreamEvent::Restart), and is billed again. Default: no.
        pub fn restart_streams(mut self, wanted: bool) -> Self {
            self.$($field).+.restart_streams = wanted;
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

/// Setter of the system prompt of the chat classes.
macro_rules! system_setter {
    ($($field:ident).+) => {
        /// Tells the model how to answer, before each conversation.
        pub fn system(mut self, text: impl Into<String>) -> Self {
            self.$($field).+.system = Some(text.into());
            self
        }
    };
}

/// The methods of every model over its implementation of [`Llm`](crate::Llm), for an `impl` block of its own.
macro_rules! call_methods {
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
            crate::Llm::call(self, prompts, crate::CallStyle::Async)
        }

        /// Answers `prompts` as [`agenerate`](Self::agenerate) does, but lets every request run to its end and keeps
        /// what succeeded.
        ///
        /// # Errors
        ///
        /// Settings or prompts that are refused before anything is sent. Failures of requests are in the result.
        ///
        /// # Cancel safety
        ///
        /// As [`agenerate`](Self::agenerate).
        pub fn agenerate_each<P>(
            &self,
            prompts: P,
        ) -> futures::future::BoxFuture<'static, Result<crate::PromptResults, crate::Error>>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt>,
        {
            let prompts = prompts.into_iter().map(Into::into).collect();
            crate::Llm::call_each(self, prompts, crate::CallStyle::Async)
        }

        /// Answers `prompt` while the answer is written. Await the future to get the stream, which is there when its
        /// first event is.
        ///
        /// # Errors
        ///
        /// As [`agenerate`](Self::agenerate), up to the first event; what goes wrong later is an item of the stream.
        /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if more than one answer is asked for (`n`).
        ///
        /// # Cancel safety
        ///
        /// Dropping the future or the stream closes the connection.
        pub fn astream(
            &self,
            prompt: impl Into<crate::Prompt>,
        ) -> futures::future::BoxFuture<'static, Result<crate::LlmStream, crate::Error>> {
            crate::Llm::open_stream(self, prompt.into(), crate::CallStyle::Async)
        }

        /// Answers any number of prompts, a bounded number of them at a time; see [`Batch`](crate::Batch).
        pub fn abatch<P>(&self, prompts: P) -> crate::Batch
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt> + 'static,
            P::IntoIter: Send + 'static,
        {
            crate::Batch::new(crate::Llm::shared(self), Box::new(prompts.into_iter().map(Into::into)))
        }

        /// Answers prompts that come one by one; see [`Batch`](crate::Batch).
        pub fn abatch_stream<S>(&self, prompts: S) -> crate::Batch
        where
            S: futures::Stream + Send + 'static,
            S::Item: Into<crate::Prompt>,
        {
            use futures::StreamExt as _;
            crate::Batch::from_stream(crate::Llm::shared(self), prompts.map(Into::into).boxed())
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
            crate::blocking::wait(crate::Llm::call(self, prompts, crate::CallStyle::Blocking))
        }

        /// Does what [`agenerate_each`](Self::agenerate_each) does, and blocks.
        ///
        /// # Errors
        ///
        /// As [`agenerate_each`](Self::agenerate_each).
        ///
        /// # Panics
        ///
        /// As [`generate`](Self::generate).
        pub fn generate_each<P>(&self, prompts: P) -> Result<crate::PromptResults, crate::Error>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt>,
        {
            let prompts = prompts.into_iter().map(Into::into).collect();
            crate::blocking::wait(crate::Llm::call_each(self, prompts, crate::CallStyle::Blocking))
        }

        /// Does what [`astream`](Self::astream) does, and blocks; the iterator blocks for each event.
        ///
        /// # Errors
        ///
        /// As [`astream`](Self::astream).
        ///
        /// # Panics
        ///
        /// As [`generate`](Self::generate).
        pub fn stream(
            &self,
            prompt: impl Into<crate::Prompt>,
        ) -> Result<crate::blocking::Blocking<crate::LlmStream>, crate::Error> {
            let stream =
                crate::blocking::wait(crate::Llm::open_stream(self, prompt.into(), crate::CallStyle::Blocking))?;
            Ok(crate::blocking::Blocking::new(stream))
        }

        /// Does what [`abatch`](Self::abatch) does; the iterator blocks for each answer.
        pub fn batch<P>(&self, prompts: P) -> crate::blocking::Blocking<crate::Batch>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt> + 'static,
            P::IntoIter: Send + 'static,
        {
            crate::blocking::Blocking::new(self.abatch(prompts).blocking())
        }
    };
}

/// [`Llm`](crate::Llm) and the methods that go with it, for a class with a `plan(Vec<Prompt>, is_stream: bool)`.
macro_rules! llm_methods {
    ($class:ident) => {
        impl $class {
            crate::provider::methods::call_methods!();
        }

        impl crate::Llm for $class {
            fn call(
                &self,
                prompts: Vec<crate::Prompt>,
                _style: crate::CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::LlmResult, crate::Error>> {
                match self.plan(prompts, false) {
                    Ok(plan) => Box::pin(async move { plan.run().await }),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn call_each(
                &self,
                prompts: Vec<crate::Prompt>,
                _style: crate::CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::PromptResults, crate::Error>> {
                match self.plan(prompts, false) {
                    Ok(plan) => Box::pin(async move { Ok(plan.run_each().await) }),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn open_stream(
                &self,
                prompt: crate::Prompt,
                _style: crate::CallStyle,
            ) -> futures::future::BoxFuture<'static, Result<crate::LlmStream, crate::Error>> {
                match self.plan(vec![prompt], true) {
                    Ok(plan) => crate::stream::open(plan),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }

            fn shared(&self) -> std::sync::Arc<dyn crate::Llm> {
                std::sync::Arc::new(self.clone())
            }
        }
    };
}

pub(crate) use call_methods;
pub(super) use {connection_setters, llm_methods, openai_setters, organization_setters, system_setter};

//! The methods by which models are called, so that they are written and documented once.

/// The methods of every model over its implementation of [`Llm`](crate::Llm), for an `impl` block of its own. Examples
/// import `$names` and make a model by `$new`; `$hidden` is what they need to meet the simulator.
macro_rules! call_methods {
    ($names:expr, $new:expr $(, $hidden:expr)?) => {
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
        ///
        /// # Example
        ///
        /// ```
        /// # #[tokio::main]
        /// # async fn main() -> Result<(), antiphon::Error> {
        /// # let sim = antiphon_sim::for_example();
        #[doc = concat!("use antiphon::", $names, ";")]
        ///
        #[doc = concat!("let llm = ", $new, ";")]
        $(#[doc = concat!("# ", $hidden)])?
        /// let response = llm.agenerate(["Hello, how are you?", "What is the capital of France?"]).await?;
        /// println!("{}", response.generations[1][0].text);
        /// # assert_eq!(response.generations.len(), 2);
        /// # Ok(())
        /// # }
        /// ```
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

        /// Answers `prompts` as `agenerate` does, but lets every request run to its end and keeps
        /// what succeeded; for an example see [`PromptResults`](crate::PromptResults).
        ///
        /// # Errors
        ///
        /// Settings or prompts that are refused before anything is sent. Failures of requests are in the result.
        ///
        /// # Cancel safety
        ///
        /// As `agenerate`.
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
        /// As `agenerate`, up to the first event; what goes wrong later is an item of the stream.
        /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if more than one answer is asked for (`n`).
        ///
        /// # Cancel safety
        ///
        /// Dropping the future or the stream closes the connection.
        ///
        /// # Example
        ///
        /// ```
        /// # #[tokio::main]
        /// # async fn main() -> Result<(), antiphon::Error> {
        /// # let sim = antiphon_sim::for_example();
        #[doc = concat!("use antiphon::", $names, ";")]
        /// use antiphon::StreamEvent;
        ///
        #[doc = concat!("let llm = ", $new, ";")]
        $(#[doc = concat!("# ", $hidden)])?
        /// let mut answer = llm.astream("Tell me a story.").await?;
        /// while let Some(event) = answer.next().await {
        ///     if let StreamEvent::Text(text) = event? {
        ///         print!("{text}");
        ///     }
        /// }
        /// # assert!(!sim.requests().is_empty());
        /// # Ok(())
        /// # }
        /// ```
        pub fn astream(
            &self,
            prompt: impl Into<crate::Prompt>,
        ) -> futures::future::BoxFuture<'static, Result<crate::LlmStream, crate::Error>> {
            crate::Llm::open_stream(self, prompt.into(), crate::CallStyle::Async)
        }

        /// Answers any number of prompts, a bounded number of them at a time; see [`Batch`](crate::Batch).
        ///
        /// ```
        /// # #[tokio::main]
        /// # async fn main() -> Result<(), antiphon::Error> {
        /// # let sim = antiphon_sim::for_example();
        #[doc = concat!("use antiphon::", $names, ";")]
        ///
        #[doc = concat!("let llm = ", $new, ";")]
        $(#[doc = concat!("# ", $hidden)])?
        /// let questions = (1..=100).map(|number| format!("Is {number} prime?"));
        /// let mut answers = llm.abatch(questions).max_concurrency(20);
        /// while let Some(answer) = answers.next().await {
        ///     println!("{}: {}", answer.index, answer.result?);
        /// }
        /// # Ok(())
        /// # }
        /// ```
        pub fn abatch<P>(&self, prompts: P) -> crate::Batch
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt> + 'static,
            P::IntoIter: Send + 'static,
        {
            crate::Batch::new(crate::Llm::shared(self), Box::new(prompts.into_iter().map(Into::into)))
        }

        /// Answers prompts that come one by one, such as the lines of a file or what a channel receives; see
        /// [`Batch`](crate::Batch).
        ///
        /// ```
        /// # #[tokio::main]
        /// # async fn main() -> Result<(), antiphon::Error> {
        /// # let sim = antiphon_sim::for_example();
        #[doc = concat!("use antiphon::", $names, ";")]
        /// use futures::stream;
        ///
        #[doc = concat!("let llm = ", $new, ";")]
        $(#[doc = concat!("# ", $hidden)])?
        /// let questions = stream::iter((1..=10).map(|number| format!("Is {number} prime?")));
        /// let mut answers = llm.abatch_stream(questions).max_concurrency(5);
        /// while let Some(answer) = answers.next().await {
        ///     println!("{}: {}", answer.index, answer.result?);
        /// }
        /// # assert!(sim.activity().received >= 10);
        /// # Ok(())
        /// # }
        /// ```
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
        /// ```
        /// # let sim = antiphon_sim::for_example();
        #[doc = concat!("use antiphon::", $names, ";")]
        ///
        #[doc = concat!("let llm = ", $new, ";")]
        $(#[doc = concat!("# ", $hidden)])?
        /// println!("{}", llm.generate(["Hello, how are you?"])?);
        /// # assert_eq!(sim.activity().in_flight, 0);
        /// # Ok::<(), antiphon::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// As `agenerate`.
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

        /// Does what `agenerate_each` does, and blocks.
        ///
        /// # Errors
        ///
        /// As `agenerate_each`.
        ///
        /// # Panics
        ///
        /// As `generate`.
        pub fn generate_each<P>(&self, prompts: P) -> Result<crate::PromptResults, crate::Error>
        where
            P: IntoIterator,
            P::Item: Into<crate::Prompt>,
        {
            let prompts = prompts.into_iter().map(Into::into).collect();
            crate::blocking::wait(crate::Llm::call_each(self, prompts, crate::CallStyle::Blocking))
        }

        /// Does what `astream` does, and blocks; the iterator blocks for each event.
        ///
        /// # Errors
        ///
        /// As `astream`.
        ///
        /// # Panics
        ///
        /// As `generate`.
        pub fn stream(
            &self,
            prompt: impl Into<crate::Prompt>,
        ) -> Result<crate::blocking::Blocking<crate::LlmStream>, crate::Error> {
            let stream =
                crate::blocking::wait(crate::Llm::open_stream(self, prompt.into(), crate::CallStyle::Blocking))?;
            Ok(crate::blocking::Blocking::new(stream))
        }

        /// Does what `abatch` does. This call itself sends nothing and does not block; the iterator blocks for each
        /// answer ([`Blocking`](crate::blocking::Blocking)).
        ///
        /// # Panics
        ///
        /// The iterator panics where `generate` does.
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
/// Without more, its examples are those of another class.
macro_rules! llm_methods {
    ($class:ident) => {
        llm_methods!($class, "OpenAI", "OpenAI::new()");
    };
    ($class:ident, $($example:expr),+) => {
        impl $class {
            crate::provider::call_methods::call_methods!($($example),+);
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

            fn is_deterministic(&self) -> bool {
                self.asks_for_equal_answers()
            }
        }
    };
}

pub(crate) use call_methods;
pub(super) use llm_methods;

//! A second call when the first takes unusually long.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Account, wrapper_methods};
use crate::error::Error;
use crate::limits::Waits;
use crate::llm::{CallStyle, Llm};
use crate::prompt::Prompt;
use crate::result::{LlmResult, PromptResults};
use crate::retry::pause;
use crate::stream::LlmStream;

/// Calls whose times are remembered.
const REMEMBERED: usize = 200;

/// Before so many are known, no call counts as slow.
const KNOWN: usize = 20;

/// Asks a second time when an answer takes longer than most did, and takes whichever comes first; the other is dropped.
///
/// A dropped call may be billed all the same, so that at most one call in twenty is hedged; see
/// [`max_share`](Self::max_share). Calls of different sizes do not compare well: use one value for one kind of call. For
/// streams the time to the first event counts. Waits for rate limits do not: a limit is no reason to ask twice.
/// An answer of the second call has `hedged` in its `generation_info`.
///
/// ```
/// # let sim = antiphon_sim::for_example();
/// use antiphon::{Hedged, OpenAI};
///
/// let llm = Hedged::new(OpenAI::new()).quantile(0.9).max_share(0.1);
/// println!("{}", llm.generate(["Hello, how are you?"])?);
/// # Ok::<(), antiphon::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Hedged {
    llm: Arc<dyn Llm>,
    quantile: f64,
    max_share: f64,
    history: Arc<Mutex<History>>,
}

#[derive(Debug, Default)]
struct History {
    times: VecDeque<Duration>,
    calls: u64,
    hedges: u64,
}

impl Hedged {
    /// Hedges the calls of `llm`.
    pub fn new(llm: impl Llm + 'static) -> Self {
        Self { llm: Arc::new(llm), quantile: 0.95, max_share: 0.05, history: Arc::default() }
    }

    /// Which share of calls counts as fast enough, from 0 to 1: those that take longer are hedged. Default: 0.95.
    pub fn quantile(mut self, quantile: f64) -> Self {
        // NaN must not hedge every call.
        self.quantile = if quantile.is_nan() { 1.0 } else { quantile.clamp(0.0, 1.0) };
        self
    }

    /// Hedges at most this share of calls, from 0 to 1, which bounds the cost. Default: 0.05.
    pub fn max_share(mut self, share: f64) -> Self {
        self.max_share = share.clamp(0.0, 1.0);
        self
    }

    /// When to ask again, if at all.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small numbers"
    )]
    fn patience(&self) -> Option<Duration> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.calls += 1;
        if history.times.len() < KNOWN {
            return None;
        }
        let mut times: Vec<_> = history.times.iter().copied().collect();
        times.sort_unstable();
        let place = (times.len() - 1) as f64 * self.quantile;
        times.get(place.ceil() as usize).copied()
    }

    /// Counts a hedge if there is room for it.
    #[expect(clippy::cast_precision_loss, reason = "nobody makes so many calls")]
    fn may_hedge(&self) -> bool {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let is_within = (history.hedges + 1) as f64 <= history.calls as f64 * self.max_share;
        history.hedges += u64::from(is_within);
        is_within
    }

    fn remember(&self, time: Duration) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.times.push_back(time);
        if history.times.len() > REMEMBERED {
            history.times.pop_front();
        }
    }

    /// The answer, and how it came. `first` is the first call, `again` makes the second.
    async fn race<T>(
        &self,
        first: BoxFuture<'static, Result<T, Error>>,
        again: impl Fn() -> BoxFuture<'static, Result<T, Error>>,
    ) -> Result<(T, Account), Error> {
        let (begun, start) = (std::time::Instant::now(), Instant::now());
        let waits = Arc::<Waits>::default();
        let time = || start.elapsed().saturating_sub(waits.total());
        let mut first = pin!(waits.watch(first));
        let early = match self.patience() {
            None => Some(first.as_mut().await),
            Some(patience) => {
                let slow = async {
                    while time() < patience {
                        pause(patience.saturating_sub(time()))?.await;
                        waits.over().await;
                    }
                    Ok::<_, Error>(())
                };
                tokio::select! {
                    biased;
                    answer = &mut first => Some(answer),
                    slow = slow => { slow?; None }
                }
            }
        };
        let outcome = match early {
            Some(answer) => answer.map(|answer| (answer, false)),
            None if !self.may_hedge() => first.await.map(|answer| (answer, false)),
            None => {
                let mut second = again();
                tokio::select! {
                    answer = &mut first => match answer {
                        Ok(answer) => Ok((answer, false)),
                        Err(_) => second.await.map(|answer| (answer, true)),
                    },
                    answer = &mut second => match answer {
                        Ok(answer) => Ok((answer, true)),
                        Err(_) => first.await.map(|answer| (answer, false)),
                    },
                }
            }
        };
        let (answer, is_hedged) = outcome?;
        self.remember(time());
        Ok((answer, Account { begun, note: is_hedged.then(|| ("hedged", true.into())) }))
    }
}

wrapper_methods!(Hedged, "{Hedged, OpenAI}", "Hedged::new(OpenAI::new())");

impl Llm for Hedged {
    fn call(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<LlmResult, Error>> {
        let this = self.clone();
        let first = self.llm.call(prompts.clone(), style);
        async move {
            let (result, account) = this.race(first, || this.llm.call(prompts.clone(), style)).await?;
            Ok(account.result(result))
        }
        .boxed()
    }

    fn call_each(&self, prompts: Vec<Prompt>, style: CallStyle) -> BoxFuture<'static, Result<PromptResults, Error>> {
        let this = self.clone();
        let first = self.llm.call_each(prompts.clone(), style);
        async move {
            let (results, account) = this.race(first, || this.llm.call_each(prompts.clone(), style)).await?;
            Ok(account.results(results))
        }
        .boxed()
    }

    fn open_stream(&self, prompt: Prompt, style: CallStyle) -> BoxFuture<'static, Result<LlmStream, Error>> {
        let this = self.clone();
        let first = self.llm.open_stream(prompt.clone(), style);
        async move {
            let (stream, account) = this.race(first, || this.llm.open_stream(prompt.clone(), style)).await?;
            Ok(account.stream(stream))
        }
        .boxed()
    }

    fn shared(&self) -> Arc<dyn Llm> {
        Arc::new(self.clone())
    }

    fn is_deterministic(&self) -> bool {
        self.llm.is_deterministic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Lane;
    use crate::{ErrorKind, OpenAI};

    const SECOND: Duration = Duration::from_secs(1);

    /// A call that takes this long once it is its turn.
    fn call(lane: &Arc<Lane>, time: Duration) -> BoxFuture<'static, Result<(), Error>> {
        let ticket = lane.ticket();
        let call = async move {
            let admission = ticket.admission(0, SECOND * 100).await?;
            tokio::time::sleep(time).await;
            admission.succeed();
            Ok(())
        };
        call.boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_rate_limits_are_not_slowness() {
        let llm = Hedged::new(OpenAI::new()).max_share(1.0).quantile(1.0);
        let lane = Arc::default();
        let limit = || Lane::pause(&lane, SECOND * 60, &Error::new(ErrorKind::RateLimited, "busy"));
        for _ in 0..KNOWN {
            llm.race(call(&lane, SECOND), || call(&lane, SECOND)).await.unwrap();
        }
        for _ in 0..3 {
            limit();
            let start = Instant::now();
            let ((), account) = llm.race(call(&lane, SECOND), || panic!("asks twice")).await.unwrap();
            assert!(account.note.is_none());
            assert_eq!(start.elapsed(), SECOND * 61);
        }
        // One that is slow after it has waited is hedged.
        limit();
        let start = Instant::now();
        let ((), account) = llm.race(call(&lane, SECOND * 900), || async { Ok(()) }.boxed()).await.unwrap();
        assert!(account.note.is_some());
        assert_eq!(start.elapsed(), SECOND * 61);
    }
}

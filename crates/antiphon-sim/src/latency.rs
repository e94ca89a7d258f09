//! How long a simulated model call takes.

use std::{fmt, str::FromStr, time::Duration};

use crate::seed::Random;

/// How long a model call takes: from the request's last byte to the answer's first one.
///
/// Each call draws its own latency, by the seed and by its number, so that a run is reproducible
/// whatever the scheduler does. Calls that ask no model (`/v1/models`, `/track-request`, errors)
/// are answered at once.
///
/// ```
/// use antiphon_sim::Latency;
///
/// let latency: Latency = "lognormal:577ms".parse()?;
/// assert_eq!(latency, Latency::default());
/// assert_eq!(latency.to_string(), "lognormal:577ms:0.35");
/// # Ok::<(), antiphon_sim::ParseLatencyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Latency {
    /// Answers at once.
    None,
    /// Every call takes this long.
    Constant(Duration),
    /// A log-normal distribution, cut off at two standard deviations.
    ///
    /// Of the first ten calls one comes from each tenth of the distribution, in random order, and so
    /// on with every further ten. A single latency is still a fair draw, but ten calls one after
    /// another take about ten times the mean, and ten at once do not wait for an outlier. With the
    /// default `sigma` the first ten calls, or any later such ten, are more than five times faster at
    /// once than in a row; ten that begin elsewhere are so in about 95 of 100 cases.
    LogNormal {
        /// The mean, not the median.
        mean: Duration,
        /// The standard deviation of the logarithm, 0 to 2.
        sigma: f64,
    },
}

impl Latency {
    /// The mean of the default: ten calls one after another took 5.77 s on the page that this
    /// project is modelled on.
    pub const DEFAULT_MEAN: Duration = Duration::from_millis(577);
    /// The default standard deviation of the logarithm.
    pub const DEFAULT_SIGMA: f64 = 0.35;

    /// The latency of call number `call`, counted from 0.
    pub(crate) fn draw(&self, seed: u64, call: u64) -> Duration {
        match *self {
            Self::None => Duration::ZERO,
            Self::Constant(latency) => latency,
            Self::LogNormal { mean, sigma } => mean.mul_f64((sigma * deviate(seed, call)).exp() / mean_factor(sigma)),
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::LogNormal { mean: Self::DEFAULT_MEAN, sigma: Self::DEFAULT_SIGMA }
    }
}

/// The borders between the tenths of a standard normal distribution, cut off at two standard
/// deviations.
const BORDERS: [f64; 11] =
    [-2.0, -1.281_552, -0.841_621, -0.524_401, -0.253_347, 0.0, 0.253_347, 0.524_401, 0.841_621, 1.281_552, 2.0];
/// How many calls share one shuffle of the tenths.
const BLOCK: u64 = 10;

/// A standard normal deviate for call number `call`.
fn deviate(seed: u64, call: u64) -> f64 {
    let mut tenths: [usize; 10] = std::array::from_fn(|tenth| tenth);
    let mut shuffle = Random::new(seed, &[0, call / BLOCK]);
    for last in (1..tenths.len()).rev() {
        tenths.swap(last, shuffle.below(last + 1));
    }
    let tenth = tenths[usize::try_from(call % BLOCK).unwrap_or_default()];
    let (low, high) = (BORDERS[tenth], BORDERS[tenth + 1]);

    // Rejection: uniform in the tenth, kept in proportion to the density there.
    let mut random = Random::new(seed, &[1, call]);
    let peak = density(if low < 0.0 { high } else { low });
    loop {
        let candidate = low + (high - low) * random.unit();
        if random.unit() * peak <= density(candidate) {
            return candidate;
        }
    }
}

/// The mean of `exp(sigma * deviate)`: what a draw is divided by so that the distribution has the
/// mean asked for.
///
/// Untruncated it would be `exp(sigma^2 / 2)`.
fn mean_factor(sigma: f64) -> f64 {
    const STEPS: u32 = 8;
    let tenths = BORDERS.windows(2).map(|border| {
        let step = (border[1] - border[0]) / f64::from(STEPS);
        let (mut weighted, mut weight) = (0.0, 0.0);
        for index in 0..STEPS {
            let middle = border[0] + step * (f64::from(index) + 0.5);
            weighted += density(middle) * (sigma * middle).exp();
            weight += density(middle);
        }
        weighted / weight
    });
    tenths.sum::<f64>() / 10.0
}

/// The density of the standard normal distribution, without its constant factor.
fn density(deviate: f64) -> f64 {
    (-deviate * deviate / 2.0).exp()
}

/// A latency that could not be read; its text says which part and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid latency `{input}`: {problem}; write `lognormal:577ms`, `lognormal:577ms:0.35`, \
     `constant:577ms` or `none`"
)]
pub struct ParseLatencyError {
    input: String,
    problem: &'static str,
}

impl FromStr for Latency {
    type Err = ParseLatencyError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let parse = || match *input.split(':').collect::<Vec<_>>().as_slice() {
            ["none"] => Ok(Self::None),
            ["none", ..] => Err("`none` takes no value"),
            ["constant", latency] => Ok(Self::Constant(parse_duration(latency)?)),
            ["constant", ..] => Err("`constant` takes one duration"),
            ["lognormal", mean] => Ok(Self::LogNormal { mean: parse_duration(mean)?, sigma: Self::DEFAULT_SIGMA }),
            ["lognormal", mean, sigma] => {
                Ok(Self::LogNormal { mean: parse_duration(mean)?, sigma: parse_sigma(sigma)? })
            }
            ["lognormal", ..] => Err("`lognormal` takes a mean and, optionally, a sigma"),
            _ => Err("unknown distribution"),
        };
        parse().map_err(|problem| ParseLatencyError { input: input.to_owned(), problem })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        match *self {
            Self::None => formatter.write_str("none"),
            Self::Constant(latency) => write!(formatter, "constant:{}ms", milliseconds(latency)),
            Self::LogNormal { mean, sigma } => {
                write!(formatter, "lognormal:{}ms:{sigma}", milliseconds(mean))
            }
        }
    }
}

fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const HOUR: Duration = Duration::from_hours(1);
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err("the duration needs a unit, `ms` or `s`"),
    };
    let number: f64 = number.parse().map_err(|_| "the duration is not a number")?;
    Duration::try_from_secs_f64(number * unit)
        .ok()
        .filter(|duration| *duration <= HOUR)
        .ok_or("the duration must be between 0 and one hour")
}

fn parse_sigma(text: &str) -> Result<f64, &'static str> {
    let sigma: f64 = text.parse().map_err(|_| "sigma is not a number")?;
    if (0.0..=2.0).contains(&sigma) { Ok(sigma) } else { Err("sigma must be between 0 and 2") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latency;

    fn seconds(latency: Latency, seed: u64, calls: std::ops::Range<u64>) -> Vec<f64> {
        calls.map(|call| latency.draw(seed, call).as_secs_f64()).collect()
    }

    #[test]
    fn sample_mean_is_the_mean_for_every_sigma() {
        for sigma in [0.0, 0.35, 1.0, 2.0] {
            let mean = Duration::from_millis(577);
            let draws = seconds(Latency::LogNormal { mean, sigma }, 42, 0..10_000);
            let sample_mean = draws.iter().sum::<f64>() / 10_000.0;
            assert!((sample_mean / 0.577 - 1.0).abs() < 0.02, "sigma {sigma}: {sample_mean}");
        }
    }

    #[test]
    fn ten_at_once_are_five_times_faster_than_ten_in_a_row() {
        let mut slowest_sum = 0.0;
        for seed in 0..5_000 {
            let concurrent = seconds(Latency::default(), seed, 0..10);
            let serial = seconds(Latency::default(), seed, 10..20);
            let slowest = concurrent.iter().copied().fold(0.0, f64::max);
            slowest_sum += slowest;
            for sum in [concurrent.iter().sum::<f64>(), serial.iter().sum()] {
                assert!(sum / slowest > 5.0, "seed {seed}: {sum} / {slowest}");
            }
        }
        let expected_slowest = slowest_sum / 5_000.0;
        assert!(expected_slowest <= 0.577 * 10.0 / 6.0, "{expected_slowest}");
    }

    #[test]
    fn draws_spread_and_depend_on_seed_and_call_alone() {
        let draws = seconds(Latency::default(), 1, 0..1_000);
        assert_eq!(draws, seconds(Latency::default(), 1, 0..1_000));
        assert_ne!(draws, seconds(Latency::default(), 2, 0..1_000));
        let logs: Vec<f64> = draws.iter().map(|draw| draw.ln()).collect();
        let mean = logs.iter().sum::<f64>() / 1_000.0;
        let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 1_000.0).sqrt();
        assert!((0.29..0.36).contains(&deviation), "{deviation}");
    }

    #[test]
    fn parses_what_the_command_line_takes() {
        let log_normal = |mean, sigma| Latency::LogNormal { mean: Duration::from_millis(mean), sigma };
        for (input, expected) in [
            ("none", Latency::None),
            ("constant:50ms", Latency::Constant(Duration::from_millis(50))),
            ("constant:1.5s", Latency::Constant(Duration::from_millis(1_500))),
            ("lognormal:577ms", log_normal(577, 0.35)),
            ("lognormal:2s:0.5", log_normal(2_000, 0.5)),
        ] {
            let latency: Latency = input.parse().unwrap();
            assert_eq!(latency, expected);
            assert_eq!(latency.to_string().parse::<Latency>().unwrap(), expected);
        }
    }

    #[test]
    fn parse_errors_name_the_part_and_the_choices() {
        for (input, problem) in [
            ("", "unknown distribution"),
            ("normal:1s", "unknown distribution"),
            ("none:1s", "`none` takes no value"),
            ("constant", "`constant` takes one duration"),
            ("constant:577", "the duration needs a unit, `ms` or `s`"),
            ("constant:fastms", "the duration is not a number"),
            ("constant:-1s", "the duration must be between 0 and one hour"),
            ("constant:NaNs", "the duration must be between 0 and one hour"),
            ("lognormal:1s:3", "sigma must be between 0 and 2"),
            ("lognormal:1s:x", "sigma is not a number"),
            ("lognormal", "`lognormal` takes a mean and, optionally, a sigma"),
        ] {
            let error = input.parse::<Latency>().unwrap_err().to_string();
            let expected = format!(
                "invalid latency `{input}`: {problem}; write `lognormal:577ms`, `lognormal:577ms:0.35`, \
                 `constant:577ms` or `none`"
            );
            assert_eq!(error, expected);
        }
    }
}

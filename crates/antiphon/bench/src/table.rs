//! The tables that are printed.

use std::fmt;

use crate::case::Case;
use crate::clients::Client;
use crate::measure::Figures;

pub(crate) const HEAD: &str = "\
| calls | latency | protocol | client | wall / latency, cold | warm | CPU per call | memory per call | sockets | errors |
|---|---|---|---|---|---|---|---|---|---|";

pub(crate) const SERIAL_HEAD: &str = "\
| ten calls, latency | protocol | client | one after another | at once | times faster |
|---|---|---|---|---|---|";

/// A client's figures for a case; `None` if it could not do it.
pub(crate) struct Row {
    pub(crate) client: Client,
    pub(crate) case: Case,
    pub(crate) figures: Option<Figures>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, case, figures } = self;
        let (calls, latency) = (case.calls, case.ideal().as_millis());
        write!(f, "| {calls} | {latency} ms | {} | {} ", case.protocol.name(), client.name())?;
        match figures {
            Some(Figures { cold, warm, cpu, memory, sockets, errors, .. }) => {
                write!(f, "| {cold:.2} | ")?;
                if warm.is_nan() {
                    f.write_str("not run")?
                } else {
                    write!(f, "{warm:.2}")?
                }
                write!(f, " | {cpu:.0} \u{b5}s | {memory:.1} kB | {sockets} | {errors} |")
            }
            None => f.write_str("| failed | | | | | |"),
        }
    }
}

impl Row {
    /// The line of the second table, for ten calls.
    pub(crate) fn serial(&self) -> Option<String> {
        let Self { client, case, figures } = self;
        let figures = figures.filter(|it| it.serial > 0.0)?;
        let (client, latency, protocol) = (client.name(), case.latency, case.protocol.name());
        let ms = |over_latency: f64| over_latency * case.ideal().as_secs_f64() * 1e3;
        let (serial, at_once, faster) = (ms(figures.serial), ms(figures.warm), figures.serial / figures.warm);
        Some(format!("| {latency} ms | {protocol} | {client} | {serial:.0} ms | {at_once:.0} ms | {faster:.2} |"))
    }
}

//! Panics of evcxr and rust-analyzer.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A line on standard error: what stands before it has been dealt with.
pub(crate) const CAUGHT: &str = "antiphon: caught a panic";

/// Runs evcxr and gives a panic's message instead of ending. By then evcxr has written the cell and its whole state to
/// standard error.
#[expect(clippy::print_stderr, reason = "the engine reads it, should this process end")]
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload: Box<dyn Any + Send>| {
        eprintln!("\n{CAUGHT}");
        let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_inside_is_a_message() {
        let message = super::guarded(|| -> () { panic!("at {}", 7) });
        assert_eq!(message, Err("at 7".to_owned()));
    }
}

//! Models made of models: fallbacks, hedged calls, one call for equal ones. None of them is used unless written down.

mod fallback;
mod hedged;
mod single_flight;

pub use self::fallback::Fallback;
pub use self::hedged::Hedged;
pub use self::single_flight::SingleFlight;

/// The methods that go with an implementation of [`Llm`](crate::Llm).
macro_rules! wrapper_methods {
    ($class:ident, $names:expr, $new:expr) => {
        impl $class {
            crate::provider::call_methods!($names, $new);
        }
    };
}

use wrapper_methods;

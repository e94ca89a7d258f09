//! What a kernel is started with.

/// Settings of a kernel.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Version of the compiler, for `kernel_info_reply`.
    pub rustc_version: Option<String>,
    /// Shown by consoles.
    pub banner: String,
    /// Said once, on standard error of the first cell; e.g. that answers are simulated.
    pub notice: Option<String>,
}

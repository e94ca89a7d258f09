//! What a run is told, in nbclient's words.

use std::time::Duration;

/// Tag of a cell that may fail.
pub const RAISES_EXCEPTION: &str = "raises-exception";
/// Tag of a cell that is left alone, outputs and all.
pub const SKIP_EXECUTION: &str = "skip-execution";

/// Settings of a run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// How long one cell may take, compilation included. A cell that takes longer is interrupted and fails with
    /// [`CELL_TIMEOUT_ERROR`](crate::CELL_TIMEOUT_ERROR). Default: as long as it likes.
    pub timeout: Option<Duration>,
    /// Go on after a cell that fails.
    pub allow_errors: bool,
    /// Language models are simulated: the notebook is marked so.
    pub simulated: bool,
    /// `x.y.z` of rustc, for the notebook's `language_info`.
    pub rustc_version: Option<String>,
}

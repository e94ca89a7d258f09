//! The helper processes of an engine whose own program does not call `process_hook`: for tests and for embedders.

fn main() {
    antiphon_engine::process_hook();
}

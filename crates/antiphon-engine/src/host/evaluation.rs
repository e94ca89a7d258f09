//! A cell: commands that are the host's own, then evcxr.

use std::sync::PoisonError;

use antiphon_channel::{ExecuteError, Executed, FromHost};
use evcxr::EvalOutputs;
use serde_json::Value;

use super::{Host, send};
use crate::guarded::guarded;
use crate::magics::{self, MAGICS};
use crate::sources::Sources;
use crate::{completeness, dependencies, diagnostics, preload};

/// Beside the prelude's trait while `:fmt` or `:types` are in force.
const PLAIN_RESULTS: &str = "use tokio::PlainResults;\n";
const RICH_RESULTS: &str = "use tokio::RichResults as PlainResults;\n";

impl Host {
    pub(super) fn execute(&mut self, code: &str) -> Result<Executed, ExecuteError> {
        if let Some(fault) = completeness::fault(code) {
            return Err(diagnostics::fault_error(fault, &Sources::new(code, &self.parts)));
        }
        let (mut code, notes) = dependencies::rewrite(code, &preload::locked_version);
        for text in notes {
            send(&self.engine, &FromHost::Note { text });
        }
        let commands = magics::commands(&code).map(|(name, argument)| (name.to_owned(), argument.to_owned()));
        let mut helps = false;
        for (name, argument) in commands.collect::<Vec<_>>() {
            match name.as_str() {
                ":quit" => {
                    let message = "`:quit` has no meaning here: close the front end instead".to_owned();
                    return Err(ExecuteError::Command { message });
                }
                ":help" => {
                    helps = true;
                    continue;
                }
                ":clear" => {
                    self.clear()?;
                    code = magics::without(&code, ":clear");
                }
                // evcxr forgets the variables, and then keeps the state from before.
                ":restart" => {
                    self.restart();
                    code = magics::without(&code, ":restart");
                }
                ":allow_static_linking" => {
                    let message = "`:allow_static_linking` has no meaning here: all cells share one dynamic library";
                    return Err(ExecuteError::Command { message: message.to_owned() });
                }
                ":fmt" => {
                    self.plain_results = self.types || !["", "{:?}"].contains(&argument.as_str());
                }
                ":types" => {
                    self.types = !self.types;
                    self.plain_results = self.types;
                }
                _ => continue,
            }
            if ![":clear", ":restart"].contains(&name.as_str()) {
                let results = if self.plain_results { PLAIN_RESULTS } else { RICH_RESULTS };
                self.evaluate(results)?;
            }
        }
        let mut executed = self.evaluate(&code)?;
        if helps {
            add_help(&mut executed);
        }
        Ok(executed)
    }

    /// Sets environment variables in the running child, and for all that come after it.
    pub(super) fn set_variables(&mut self, env: &[(String, String)]) -> Result<(), ExecuteError> {
        let mut code = String::new();
        for (name, value) in env {
            // Here, as children and compilers inherit it. The text that goes with it shows the value.
            self.evaluate(&format!(":env {name}={value}"))?;
            // Tasks of earlier cells may read variables meanwhile: std's functions take turns, C code's may not, as
            // after the same line in a cell.
            code.push_str(&format!("unsafe {{ std::env::set_var({name:?}, {value:?}) }};\n"));
        }
        if code.is_empty() { Ok(()) } else { self.evaluate(&code).map(drop) }
    }

    fn clear(&mut self) -> Result<(), ExecuteError> {
        self.context.reset_config();
        let code = format!(":clear\n{}", self.preload_code());
        self.evaluate(&code).map(drop)
    }

    /// Another process for cells; functions and types stay.
    fn restart(&mut self) {
        let process = self.context.process_handle();
        let _ = process.lock().unwrap_or_else(PoisonError::into_inner).kill();
        // evcxr hears of it when it next runs something.
        let _ = self.evaluate_once("();");
        // Else the cell says why.
        if !self.is_childless {
            let text = "cells have a new process; variables are gone, functions and types are kept".to_owned();
            send(&self.engine, &FromHost::Note { text });
        }
    }

    /// Runs a text of evcxr's. When no child could be started before, evcxr starts one now and reports the old one's end
    /// once more: the code did not run, and is sent again.
    fn evaluate(&mut self, code: &str) -> Result<Executed, ExecuteError> {
        let was_childless = self.is_childless;
        let result = self.evaluate_once(code);
        let is_old_news = was_childless && !self.is_childless && matches!(result, Err(ExecuteError::ChildDied { .. }));
        if is_old_news { self.evaluate_once(code) } else { result }
    }

    fn evaluate_once(&mut self, code: &str) -> Result<Executed, ExecuteError> {
        let before: Vec<String> = self.context.variables_and_types().map(|(name, _)| name.to_owned()).collect();
        let context = &mut self.context;
        match guarded(|| context.execute(code)) {
            Ok(Ok(outputs)) => Ok(executed(outputs)),
            Ok(Err(evcxr::Error::CompilationErrors(errors))) => {
                Err(diagnostics::compile_error(&errors, &Sources::new(code, &self.parts)))
            }
            Ok(Err(evcxr::Error::SubprocessTerminated(message))) => {
                self.is_childless = false;
                Err(ExecuteError::ChildDied { message, lost_variables: before })
            }
            Ok(Err(error)) => {
                let message = error.to_string();
                let Some(message) = diagnostics::failed_start(&message) else {
                    return Err(ExecuteError::Other { message });
                };
                self.is_childless = true;
                Err(ExecuteError::ChildDied { message, lost_variables: before })
            }
            Err(message) => Err(ExecuteError::EvaluatorPanicked { message }),
        }
    }
}

fn executed(outputs: EvalOutputs) -> Executed {
    let content = outputs.content_by_mime_type.into_iter();
    Executed { content: content.map(|(mime_type, text)| (mime_type, Value::String(text))).collect() }
}

/// Adds our commands to evcxr's list of its own.
fn add_help(executed: &mut Executed) {
    // evcxr has one of that name, which does less.
    let is_kept = |line: &&str| !MAGICS.iter().any(|(name, _)| line.split_whitespace().next() == Some(name));
    if let Some(Value::String(text)) = executed.content.get_mut("text/plain") {
        let mut lines: Vec<String> = text.lines().filter(is_kept).map(ToOwned::to_owned).collect();
        lines.extend(MAGICS.map(|(name, description)| format!("{name:<17} {description}")));
        lines.sort();
        *text = lines.join("\n");
    }
    // The page's form has nothing that the text has not.
    executed.content.remove("text/html");
}

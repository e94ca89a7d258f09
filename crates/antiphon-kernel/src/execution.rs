//! One `execute_request` under way: its cell, then its user expressions, then its reply.
//!
//! <https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute>

use std::collections::{BTreeMap, HashMap};

use antiphon_engine::{CellError, Display, Event, RunningCell};
use jupyter_protocol::{
    ExecuteReply, ExecutionCount, ExpressionResult, JupyterMessageContent, ReplyError, ReplyStatus,
};
use serde_json::{Map, Value};

use crate::outputs::{Outputs, media};
use crate::request::{Execute, Request};

/// An execution from its start to its reply.
pub(crate) struct Execution {
    pub(crate) request: Request,
    pub(crate) execute: Execute,
    pub(crate) count: ExecutionCount,
    /// When it started, as its reply's metadata tell it.
    pub(crate) started: String,
    /// `None` while it waits for an evaluator.
    pub(crate) cell: Option<Box<dyn RunningCell>>,
    pub(crate) outputs: Outputs,
    /// The cell waits for a line.
    pub(crate) waits_for_input: bool,
    /// Plain text of the result, for the history.
    pub(crate) result: Option<String>,
    expression: Option<Expression>,
    /// Expressions that are still to be evaluated.
    expressions: BTreeMap<String, String>,
    values: HashMap<String, ExpressionResult>,
}

/// A user expression under way.
struct Expression {
    name: String,
    value: Option<Display>,
}

impl Execution {
    pub(crate) fn new(request: Request, execute: Execute, count: ExecutionCount, started: String) -> Self {
        let expressions = execute.user_expressions.clone();
        Self {
            request,
            execute,
            count,
            started,
            cell: None,
            outputs: Outputs::new(count),
            waits_for_input: false,
            result: None,
            expression: None,
            expressions,
            values: HashMap::new(),
        }
    }

    /// Waits for the cell's next event. Cancel safe.
    pub(crate) async fn next(&mut self) -> Event {
        let event = match &mut self.cell {
            Some(cell) => cell.next().await,
            None => std::future::pending().await,
        };
        // A cell that ended is replaced or dropped before it is asked again.
        match event {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Takes in what is neither an input request nor an end.
    pub(crate) fn take(&mut self, event: Event) {
        match (event, &mut self.expression) {
            (Event::Display(display), Some(expression)) if display.result => expression.value = Some(display),
            (event, None) => {
                if let Event::Display(Display { result: true, data, .. }) = &event {
                    self.result = data.get("text/plain").and_then(Value::as_str).map(ToOwned::to_owned);
                }
                self.outputs.take(event);
            }
            (event, Some(_)) => self.outputs.take(event),
        }
    }

    /// The next expression to evaluate, if there is one.
    pub(crate) fn next_expression(&mut self) -> Option<String> {
        let (name, code) = self.expressions.pop_first()?;
        self.expression = Some(Expression { name, value: None });
        Some(code)
    }

    /// Whether it was an expression that ended, whose value is now kept.
    pub(crate) fn end_expression(&mut self, error: Option<&CellError>) -> bool {
        let Some(Expression { name, value }) = self.expression.take() else {
            return false;
        };
        let result = match (error, value) {
            (Some(error), _) => {
                let ReplyError { ename, evalue, traceback } = reply_error(error);
                ExpressionResult::Error { ename, evalue, traceback }
            }
            (None, Some(value)) => ExpressionResult::Ok { data: media(value.data), metadata: value.metadata },
            (None, None) => {
                let unit = Map::from_iter([("text/plain".to_owned(), Value::String("()".to_owned()))]);
                ExpressionResult::Ok { data: media(unit), metadata: Map::new() }
            }
        };
        self.values.insert(name, result);
        true
    }

    /// The reply, which ends it.
    pub(crate) fn reply(&mut self, error: Option<&CellError>) -> JupyterMessageContent {
        let status = if error.is_some() { ReplyStatus::Error } else { ReplyStatus::Ok };
        ExecuteReply {
            status,
            execution_count: self.count,
            payload: Vec::new(),
            user_expressions: Some(std::mem::take(&mut self.values)),
            error: error.map(|error| Box::new(reply_error(error))),
        }
        .into()
    }
}

fn reply_error(error: &CellError) -> ReplyError {
    let CellError { ename, evalue, traceback, .. } = error.clone();
    ReplyError { ename, evalue, traceback }
}

//! Which request a cell belongs to, also after the cell's end: its tasks may go on showing things.

use std::collections::VecDeque;

use jupyter_protocol::{ExecutionCount, JupyterMessage, UnknownMessage};

use crate::request::Request;

/// So many cells back, the output of a task is still shown where it belongs.
const KEPT: usize = 10_000;

/// A cell's request, as far as messages need their parent.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) message: JupyterMessage,
    pub(crate) execution_count: ExecutionCount,
    pub(crate) silent: bool,
}

/// The requests of cells, by the evaluator's number of the cell.
#[derive(Debug, Default)]
pub(crate) struct Parents(VecDeque<(u64, Parent)>);

impl Parents {
    /// Another evaluator counts its cells anew.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn push(&mut self, cell: u64, request: &Request, execution_count: ExecutionCount, silent: bool) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        // Without the cell's source.
        let content = UnknownMessage::default().into();
        let JupyterMessage { zmq_identities, header, parent_header, metadata, .. } = &request.message;
        let message = JupyterMessage {
            zmq_identities: zmq_identities.clone(),
            header: header.clone(),
            parent_header: parent_header.clone(),
            metadata: metadata.clone(),
            content,
            buffers: Vec::new(),
            channel: None,
        };
        self.0.push_back((cell, Parent { message, execution_count, silent }));
    }

    pub(crate) fn get(&self, cell: u64) -> Option<&Parent> {
        // Numbers grow.
        let index = self.0.binary_search_by_key(&cell, |(number, _)| *number).ok()?;
        self.0.get(index).map(|(_, parent)| parent)
    }
}

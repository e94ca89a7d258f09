//! Answers that need no evaluator.

use antiphon_engine::{Completeness, completeness};
use jupyter_protocol::{CommClose, CommId, CommInfoReply, ConnectionInfo, IsCompleteReply, JupyterMessageContent};
use serde_json::{Map, Value, json};

use crate::message::PROTOCOL_VERSION;
use crate::request::json_content;

/// `kernel_info_reply`, <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info>.
///
/// `codemirror_mode` is a string, which Zed asks for, and the language's name is in lower case, as Quarto's is.
pub(crate) fn kernel_info(rustc_version: &str, banner: &str) -> JupyterMessageContent {
    json_content(
        "kernel_info_reply",
        json!({
            "status": "ok",
            "protocol_version": PROTOCOL_VERSION,
            "implementation": "antiphon",
            "implementation_version": env!("CARGO_PKG_VERSION"),
            "language_info": {
                "name": "rust",
                "version": rustc_version,
                "mimetype": "text/rust",
                "file_extension": ".rs",
                "pygments_lexer": "rust",
                "codemirror_mode": "rust",
                "nbconvert_exporter": "script",
            },
            "banner": banner,
            "help_links": [
                { "text": "antiphon", "url": env!("CARGO_PKG_REPOSITORY") },
                { "text": "evcxr commands", "url": "https://github.com/evcxr/evcxr/blob/main/COMMON.md" },
                { "text": "Rust standard library", "url": "https://doc.rust-lang.org/std/" },
            ],
            "debugger": false,
            "supported_features": ["iopub_welcome"],
        }),
    )
}

/// `is_complete_reply`: without an indent where there is none, as the specification wants it.
pub(crate) fn is_complete(code: &str) -> JupyterMessageContent {
    match completeness(code) {
        Completeness::Complete => json_content("is_complete_reply", json!({ "status": "complete" })),
        Completeness::Incomplete { indent } => IsCompleteReply::incomplete(indent).into(),
        _ => json_content("is_complete_reply", json!({ "status": "invalid" })),
    }
}

/// `connect_reply`.
pub(crate) fn connect(info: &ConnectionInfo) -> JupyterMessageContent {
    json_content(
        "connect_reply",
        json!({
            "status": "ok",
            "shell_port": info.shell_port,
            "iopub_port": info.iopub_port,
            "stdin_port": info.stdin_port,
            "control_port": info.control_port,
            "hb_port": info.hb_port,
        }),
    )
}

/// `history_reply`.
pub(crate) fn history(entries: &[Value]) -> JupyterMessageContent {
    json_content("history_reply", json!({ "status": "ok", "history": entries }))
}

/// `comm_info_reply`: cells cannot open comms, so there are none.
pub(crate) fn comm_info() -> JupyterMessageContent {
    CommInfoReply::default().into()
}

/// The answer to a `comm_open` for a target that nobody has registered.
pub(crate) fn comm_close(comm_id: String) -> JupyterMessageContent {
    CommClose { comm_id: CommId(comm_id), data: Map::new() }.into()
}

/// The answer to a request that cannot be served.
pub(crate) fn refusal(msg_type: &str, ename: &str, evalue: &str) -> JupyterMessageContent {
    let msg_type = msg_type.replace("_request", "_reply");
    json_content(
        &msg_type,
        json!({ "status": "error", "ename": ename, "evalue": evalue, "traceback": [format!("{ename}: {evalue}")] }),
    )
}

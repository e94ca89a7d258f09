//! A front end in which every message of the kernel's must be expected: what is left unread fails the test.

use std::collections::BTreeMap;
use std::time::Duration;

use jupyter_protocol::{ConnectionInfo, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection,
    create_client_control_connection, create_client_iopub_connection, create_client_shell_connection_with_identity,
    create_client_stdin_connection_with_identity, peer_identity_for_session,
};
use serde_json::{Value, json};

use crate::kernel_under_test::{KernelUnderTest, LIMIT};

/// A client with all its channels.
pub(crate) struct FrontEnd {
    pub(crate) shell: ClientShellConnection,
    control: ClientControlConnection,
    stdin: ClientStdinConnection,
    iopub: ClientIoPubConnection,
    /// Ids of the requests, by which messages name their parents: the first is `#1`.
    requests: Vec<String>,
}

impl FrontEnd {
    /// Connects, and reads the welcome and nothing else.
    pub(crate) async fn connect(kernel: &KernelUnderTest) -> Self {
        let mut front_end = Self::connect_with_key(kernel, &kernel.info.key).await;
        assert_eq!(front_end.iopub().await, "- iopub_welcome \"\"");
        front_end
    }

    pub(crate) async fn connect_with_key(kernel: &KernelUnderTest, key: &str) -> Self {
        let info = ConnectionInfo { key: key.to_owned(), ..kernel.info.clone() };
        let session = kernel.new_session();
        let identity = peer_identity_for_session(&session).unwrap();
        Self {
            shell: create_client_shell_connection_with_identity(&info, &session, identity.clone()).await.unwrap(),
            control: create_client_control_connection(&info, &session).await.unwrap(),
            stdin: create_client_stdin_connection_with_identity(&info, &session, identity).await.unwrap(),
            iopub: create_client_iopub_connection(&info, "", &session).await.unwrap(),
            requests: Vec::new(),
        }
    }

    /// Sends a request on the shell channel; gives its number.
    pub(crate) async fn send(&mut self, msg_type: &str, content: Value) -> usize {
        let message = self.request(msg_type, content);
        self.shell.send(message).await.unwrap();
        self.requests.len()
    }

    /// Sends a request on the control channel; gives its number.
    pub(crate) async fn send_control(&mut self, msg_type: &str, content: Value) -> usize {
        let message = self.request(msg_type, content);
        self.control.send(message).await.unwrap();
        self.requests.len()
    }

    /// Answers a question.
    pub(crate) async fn send_input(&mut self, value: &str) {
        self.stdin.send(message("input_reply", json!({ "value": value }))).await.unwrap();
    }

    /// Sends an `execute_request` with the specification's defaults; gives its number.
    pub(crate) async fn execute(&mut self, code: &str) -> usize {
        self.send("execute_request", json!({ "code": code })).await
    }

    fn request(&mut self, msg_type: &str, content: Value) -> JupyterMessage {
        let message = message(msg_type, content);
        self.requests.push(message.header.msg_id.clone());
        message
    }

    /// The next message on iopub: its parent, its type and what matters of it. Welcomes of other clients, which XPUB
    /// sends to all, are passed over.
    pub(crate) async fn iopub(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(LIMIT, self.iopub.read()).await.expect("nothing more on iopub");
            let line = self.line(&message.unwrap());
            if self.requests.is_empty() || !line.starts_with("- iopub_welcome") {
                return line;
            }
        }
    }

    /// The next messages on iopub, which must be these.
    pub(crate) async fn shows(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.iopub().await, *expected);
        }
    }

    /// The next reply on shell, and its content.
    pub(crate) async fn reply(&mut self) -> (String, Value) {
        let message = tokio::time::timeout(LIMIT, self.shell.read()).await.expect("no reply on shell").unwrap();
        (self.line(&message), json_of(&message))
    }

    /// The next reply on control, and its content.
    pub(crate) async fn control_reply(&mut self) -> (String, Value) {
        let message = tokio::time::timeout(LIMIT, self.control.read()).await.expect("no reply on control").unwrap();
        (self.line(&message), json_of(&message))
    }

    /// The next question on stdin.
    pub(crate) async fn question(&mut self) -> String {
        let message = tokio::time::timeout(LIMIT, self.stdin.read()).await.expect("no question").unwrap();
        self.line(&message)
    }

    /// The messages on iopub up to the `idle` of a request.
    pub(crate) async fn until_idle(&mut self, request: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let idle = format!("#{request} status idle");
        while lines.last() != Some(&idle) {
            lines.push(self.iopub().await);
        }
        lines
    }

    /// Asks on the shell channel while nothing else goes on; gives the reply's content.
    pub(crate) async fn ask(&mut self, msg_type: &str, content: Value) -> Value {
        let request = self.send(msg_type, content).await;
        let (line, content) = self.reply().await;
        assert_eq!(line, format!("#{request} {}", msg_type.replace("_request", "_reply")));
        self.is_silent_about(request).await;
        content
    }

    /// A request shows nothing.
    pub(crate) async fn is_silent_about(&mut self, request: usize) {
        let silence = [format!("#{request} status busy"), format!("#{request} status idle")];
        assert_eq!(self.until_idle(request).await, silence);
    }

    /// Runs a cell; gives what it shows between `execute_input` and `idle`, and the reply's content.
    pub(crate) async fn run(&mut self, code: &str) -> (Vec<String>, Value) {
        let request = self.execute(code).await;
        self.shown(request).await
    }

    /// What a cell that was sent shows.
    pub(crate) async fn shown(&mut self, request: usize) -> (Vec<String>, Value) {
        let (line, content) = self.reply().await;
        assert_eq!(line, format!("#{request} execute_reply"));
        let lines = self.until_idle(request).await;
        let prefix = format!("#{request} ");
        let lines: Vec<String> = lines.iter().map(|line| line.strip_prefix(&prefix).unwrap_or(line).into()).collect();
        assert_eq!(lines[0], "status busy");
        assert!(lines[1].starts_with("execute_input "), "{lines:?}");
        (lines[2..lines.len() - 1].to_vec(), content)
    }

    /// The rest up to the `idle` of a request, if it was not among these lines.
    pub(crate) async fn rest_of_idle(&mut self, lines: &[String], request: usize) -> Vec<String> {
        if lines.contains(&format!("#{request} status idle")) { Vec::new() } else { self.until_idle(request).await }
    }

    /// Shuts the kernel down, and checks that it has said nothing that was not read.
    pub(crate) async fn shut_down(mut self, kernel: KernelUnderTest) {
        let request = self.send_control("shutdown_request", json!({ "restart": false })).await;
        let (line, content) = self.control_reply().await;
        assert_eq!(line, format!("#{request} shutdown_reply"));
        assert_eq!(content, json!({ "status": "ok", "restart": false }));
        self.is_silent_about(request).await;
        kernel.ended().await;
        self.has_read_everything().await;
    }

    /// Checks that nothing is left unread of a kernel that has ended, whose sockets are closed.
    pub(crate) async fn has_read_everything(mut self) {
        // What was sent is here by now: the kernel waited for that before it ended.
        let soon = Duration::from_millis(1);
        let rest = [
            tokio::time::timeout(soon, self.iopub.read()).await,
            tokio::time::timeout(soon, self.shell.read()).await,
            tokio::time::timeout(soon, self.control.read()).await,
            tokio::time::timeout(soon, self.stdin.read()).await,
        ];
        let unread: Vec<String> = rest.iter().flatten().flatten().map(|message| self.line(message)).collect();
        assert!(unread.is_empty(), "the test did not expect {unread:?}");
    }

    fn line(&self, message: &JupyterMessage) -> String {
        let parent = message.parent_header.as_ref().map(|parent| &parent.msg_id);
        let parent = parent.and_then(|id| self.requests.iter().position(|request| request == id));
        let parent = parent.map_or("-".to_owned(), |index| format!("#{}", index + 1));
        let content = json_of(message);
        let text = |name: &str| content[name].as_str().unwrap_or_default();
        let what = match message.message_type() {
            "status" => text("execution_state").to_owned(),
            "stream" => format!("{} {}", text("name"), content["text"]),
            "execute_input" => format!("[{}] {}", content["execution_count"], content["code"]),
            "execute_result" => {
                format!("[{}] {} {}", content["execution_count"], sorted(&content["data"]), content["transient"])
            }
            "display_data" | "update_display_data" => {
                format!("{} {}", sorted(&content["data"]), content["transient"])
            }
            "error" => format!("{} {}", text("ename"), content["traceback"]),
            "clear_output" => format!("wait={}", content["wait"]),
            "iopub_welcome" => content["subscription"].to_string(),
            "comm_close" => content["comm_id"].to_string(),
            "input_request" => format!("{} password={}", content["prompt"], content["password"]),
            _ => String::new(),
        };
        format!("{parent} {} {what}", message.message_type()).trim_end().to_owned()
    }
}

/// A bundle has no order.
fn sorted(bundle: &Value) -> String {
    let bundle: BTreeMap<&String, &Value> = bundle.as_object().into_iter().flatten().collect();
    serde_json::to_string(&bundle).unwrap()
}

fn message(msg_type: &str, content: Value) -> JupyterMessage {
    JupyterMessage::new(UnknownMessage { msg_type: msg_type.to_owned(), content }, None)
}

fn json_of(message: &JupyterMessage) -> Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => unknown.content.clone(),
        content => serde_json::to_value(content).unwrap(),
    }
}

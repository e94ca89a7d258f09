//! A kernel in this process, over Unix sockets in a folder of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use antiphon_kernel::{Error, KernelSignal, Options, serve};
use jupyter_protocol::ConnectionInfo;
use jupyter_protocol::connection_info::Transport;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::fake::{FakeLauncher, Script};

/// Nothing may take longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
pub(crate) const SHELL: u16 = 1;
pub(crate) const IOPUB: u16 = 2;
const STDIN: u16 = 3;
const CONTROL: u16 = 4;
pub(crate) const HEARTBEAT: u16 = 5;

pub(crate) struct KernelUnderTest {
    pub(crate) info: ConnectionInfo,
    pub(crate) signals: mpsc::Sender<KernelSignal>,
    serving: JoinHandle<Result<(), Error>>,
    folder: TempDir,
}

impl KernelUnderTest {
    pub(crate) async fn start(script: &Arc<Script>) -> Self {
        Self::start_with(script, Options::default()).await
    }

    pub(crate) async fn start_with(script: &Arc<Script>, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let info = ConnectionInfo {
            ip: folder.path().join("k").display().to_string(),
            transport: Transport::IPC,
            shell_port: SHELL,
            iopub_port: IOPUB,
            stdin_port: STDIN,
            control_port: CONTROL,
            hb_port: HEARTBEAT,
            key: "key of the tests".to_owned(),
            signature_scheme: "hmac-sha256".to_owned(),
            kernel_name: None,
        };
        let path = folder.path().join("connection.json");
        std::fs::write(&path, serde_json::to_vec(&info).unwrap()).unwrap();
        let (signals, receiver) = mpsc::channel(1);
        let launcher = Arc::new(FakeLauncher(Arc::clone(script)));
        let serving = tokio::spawn(async move { serve(&path, options, launcher, receiver).await });
        let kernel = Self { info, signals, serving, folder };
        let listening = async {
            while !(SHELL..=HEARTBEAT).all(|port| kernel.path(port).exists()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, listening).await.expect("the kernel does not listen");
        kernel
    }

    /// Where a channel listens.
    pub(crate) fn path(&self, port: u16) -> PathBuf {
        PathBuf::from(format!("{}-{port}", self.info.ip))
    }

    /// A session id for a client, by which its channels belong together.
    pub(crate) fn new_session(&self) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = self.folder.path().file_name().unwrap_or_default().display().to_string();
        format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for its end, and checks that it removed its sockets.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(LIMIT, self.serving).await.expect("the kernel does not end").unwrap().unwrap();
        let left: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with("connection.json"))
            .collect();
        assert_eq!(left, <[PathBuf; 0]>::default());
    }
}

//! The connection file, by which Jupyter tells a kernel where to listen:
//! <https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files>.

use std::fs;
use std::path::Path;

use jupyter_protocol::ConnectionInfo;
use jupyter_protocol::connection_info::Transport;

use crate::error::{Error, ErrorKind};

/// Reads a connection file. Sockets with relative paths lie below a folder.
pub(crate) fn read(path: &Path, working_dir: &Path) -> Result<ConnectionInfo, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| ErrorKind::ConnectionFile { path: path.to_owned(), source })?;
    let mut info: ConnectionInfo = serde_json::from_str(&text)
        .map_err(|source| ErrorKind::NotAConnectionFile { path: path.to_owned(), source })?;
    // An empty key means that nothing is signed; the scheme does not matter then.
    if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
        return Err(ErrorKind::SignatureScheme { path: path.to_owned(), scheme: info.signature_scheme }.into());
    }
    if info.transport == Transport::IPC {
        info.ip = working_dir.join(&info.ip).to_string_lossy().into_owned();
    }
    Ok(info)
}

/// Where one of the channels listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(String),
}

impl Address {
    pub(crate) fn new(info: &ConnectionInfo, port: u16) -> Self {
        match info.transport {
            // jupyter_client writes `*` for all interfaces, as libzmq understands it.
            Transport::TCP if info.ip == "*" => Self::Tcp { host: "0.0.0.0".to_owned(), port },
            Transport::TCP => Self::Tcp { host: info.ip.clone(), port },
            Transport::IPC => Self::Unix(format!("{}-{port}", info.ip)),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "ipc://{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_with_relative_paths_lie_below_the_kernels_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernel.json");
        let address = |transport: &str, ip: &str| {
            let json = serde_json::json!({ "transport": transport, "ip": ip, "key": "", "signature_scheme": "hmac-sha256",
                "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5 });
            fs::write(&file, json.to_string()).unwrap();
            Address::new(&read(&file, Path::new("/folder")).unwrap(), 1).to_string()
        };
        // As jupyter_client writes it.
        assert_eq!(address("ipc", "kernel-ipc"), "ipc:///folder/kernel-ipc-1");
        assert_eq!(address("ipc", "/run/k"), "ipc:///run/k-1");
        assert_eq!(address("tcp", "127.0.0.1"), "tcp://127.0.0.1:1");
    }
}

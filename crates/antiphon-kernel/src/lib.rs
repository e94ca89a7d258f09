//! A Jupyter kernel over antiphon's engine.
//!
//! [`serve`] listens where a connection file says and translates: requests of the messaging protocol
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html>) become calls of an [`Evaluator`], its events
//! become messages. It knows nothing of evcxr, and starts no process. [`Kernelspec`] makes the kernel known to Jupyter.
//!
//! [`Evaluator`]: antiphon_engine::Evaluator
#![warn(missing_docs)]

mod connection_file;
mod error;
mod execution;
mod frame_meter;
mod gate;
mod help;
mod history;
mod iopub;
mod kernel;
mod kernelspec;
mod launcher;
mod message;
mod network;
mod options;
mod outputs;
mod parents;
mod positions;
mod replies;
mod request;
mod serve;
mod signals;
mod socket_folder;
mod sockets;

pub use error::{Error, ErrorKind};
pub use kernelspec::{InstalledKernelspec, Kernelspec, Place, installed, uninstall};
pub use launcher::{Launched, Launcher};
pub use options::Options;
pub use serve::serve;
pub use signals::{KernelSignal, kernel_signals};

//! What a run of cargo says, and the leave that it gets.

use antiphon_channel::{FromCargo, ToCargo};

use super::Supervisor;
use crate::child_link::ChildLink;
use crate::event::Event;
use crate::wake::Startup;

impl Supervisor {
    pub(super) async fn cargo_said(&mut self, id: u64, frame: Option<FromCargo>) {
        let cancelled = self.run.as_ref().is_some_and(|run| run.cancelled);
        let reply = match frame {
            None => {
                self.cargo.remove(&id);
                return;
            }
            Some(FromCargo::Progress { line }) => {
                if self.startup.is_some() {
                    self.tell_startup(Startup::Compiling(line)).await;
                } else {
                    self.emit(Event::Compiling(line));
                }
                return;
            }
            Some(FromCargo::Starting { .. }) if cancelled => ToCargo::Abort,
            Some(FromCargo::Starting { .. }) => {
                if let Some(run) = &mut self.run {
                    run.cargo_started();
                }
                ToCargo::Proceed
            }
            Some(FromCargo::PreloadRebuilt) => {
                if self.child.as_ref().is_some_and(ChildLink::has_preload) {
                    if let Some(run) = &mut self.run {
                        run.preload_rebuilt = true;
                    }
                    self.kill_child();
                }
                ToCargo::Proceed
            }
        };
        if let Some(writer) = self.cargo.get_mut(&id) {
            writer.send(&reply).await;
        }
    }
}

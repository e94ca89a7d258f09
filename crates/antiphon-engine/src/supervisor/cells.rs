//! The supervisor's part for cells: their turn, and their interruption.

use std::sync::Arc;

use antiphon_channel::{ToCargo, ToHost};
use tokio::time::Instant;

use super::Supervisor;
use crate::magics::{self, Expanded};
use crate::redact::{Guard, is_secret};
use crate::run::{Run, cancelled};

impl Supervisor {
    pub(super) async fn start_next(&mut self) {
        if self.run.is_some() || !self.ready {
            return;
        }
        if self.help.is_under_way() {
            if self.help.is_overdue() && !self.queue.is_empty() {
                self.replace_host("a completion or an inspection", self.limits.evaluator_grace);
            }
            return;
        }
        let Some(queued) = self.queue.pop_front() else {
            return self.ask_next().await;
        };
        let id = self.next_id();
        let expanded = magics::expand(&queued.code, self.host.working_dir());
        self.learn_secrets(&queued.code);
        if let Ok(Expanded { code, env, .. }) = &expanded {
            self.learn_secrets(code);
            self.host.remember(env);
        }
        let guard = Guard::new(Arc::clone(&self.redactor));
        let is_timed = expanded.as_ref().is_ok_and(|expanded| expanded.is_timed);
        let mut run = Run::new(id, queued, is_timed, guard, std::time::Instant::now());
        for event in self.stray.drain(..) {
            run.push(event);
        }
        match expanded {
            Ok(Expanded { code, env, parts, .. }) => {
                run.code.clone_from(&code);
                run.parts.clone_from(&parts);
                self.host.send(&ToHost::Execute { id, code, env, parts }).await;
            }
            Err(error) => run.fail(error),
        }
        self.run = Some(run);
    }

    /// What a cell sets by `:env` may be a secret from then on: also on a line that is an error, which is shown.
    fn learn_secrets(&mut self, code: &str) {
        let secrets: Vec<_> = magics::assignments(code).filter(|(name, value)| is_secret(name, value)).collect();
        if !secrets.is_empty() {
            let redactor = Arc::make_mut(&mut self.redactor);
            for (name, value) in secrets {
                redactor.add(name, value);
            }
            self.background.set_redactor(&self.redactor);
        }
    }

    pub(super) async fn interrupt(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| !run.ended) else {
            // A cell that waits for the evaluator, which starts or thinks, is the one that a user sees running.
            if self.run.is_none()
                && let Some(queued) = self.queue.pop_front()
            {
                queued.refuse(cancelled("before it began, while the evaluator was busy"));
            }
            return;
        };
        run.cancelled = true;
        for writer in self.cargo.values_mut() {
            writer.send(&ToCargo::Abort).await;
        }
        if let (true, Some(child)) = (run.is_in_child, &mut self.child) {
            if let Some(sequence) = run.sequence {
                child.interrupt(sequence);
            }
            self.grace_over.get_or_insert(Instant::now() + self.limits.interrupt_grace);
            if self.asks.block_cell() {
                // A `read` cannot be cut, and what comes after it must not go on with an empty line.
                child.kill();
            }
        } else {
            // rust-analyzer cannot be cut.
            self.evaluator_due.get_or_insert(Instant::now() + self.limits.evaluator_grace);
        }
    }
}

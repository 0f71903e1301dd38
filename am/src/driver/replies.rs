//! What the aggregator has to say.

use std::sync::Arc;

use super::Driver;
use crate::aggregate::Reply;
use crate::engine::Event;
use crate::error::Kind;
use crate::launcher::{Launcher, News};

impl<L: Launcher> Driver<'_, L> {
    pub(super) fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Initialised(begun) => {
                if self.job.resume && self.tag.attempt == 1 {
                    self.note(
                        "there is no checkpoint to go on from: the job begins with its first pass".to_owned(),
                    );
                }
                self.begun = Some(Arc::new(begun));
                self.handle(Event::Initialised);
            }
            Reply::Restored(begun, record) => {
                self.begun = Some(Arc::new(begun));
                let (round, summary) = (record.round(), record.summary);
                self.summary = summary;
                self.chronicle.summary(summary);
                for pass in self.chronicle.restore(record.lines, &record.notes) {
                    self.launcher.tell(News::Pass(pass));
                }
                self.note(format!("the job goes on with pass {}", round.pass));
                self.handle(Event::Restored(round, summary));
            }
            Reply::Remembered => {
                let waiting = std::mem::take(&mut self.unkept);
                waiting.into_iter().for_each(|(seat, round)| self.keep(seat, round));
                if let Some(next) = self.checkpoint_due.take() {
                    self.write_checkpoint(next);
                }
            }
            Reply::Merged => self.handle(Event::Merged),
            Reply::Trained { next, objective, done, update_bytes, observed } => {
                let pass = self.chronicle.trained(objective, update_bytes, &next, observed);
                if let Some(advice) = self.chronicle.advice(update_bytes) {
                    self.note(advice);
                }
                if std::mem::take(&mut self.taken_over) {
                    let seconds = self.start.elapsed().as_secs_f64();
                    self.note(format!(
                        "pass {} was complete {seconds:.3} s after the new master began",
                        pass.pass
                    ));
                }
                let every = self.job.checkpoint_every.filter(|every| pass.pass.is_multiple_of(*every));
                self.begun = Some(Arc::new(next));
                self.launcher.tell(News::Pass(pass));
                self.handle(Event::Stepped { done, objective: self.chronicle.measured() });
                self.checkpoint_due = every.and_then(|_| self.engine.round());
            }
            Reply::Scored(objective, observed) => {
                self.chronicle.scored(objective, observed);
                self.handle(Event::Stepped { done: true, objective: true });
            }
            Reply::Written(findings) => {
                self.chronicle.findings(findings);
                self.handle(Event::Written);
            }
            Reply::Failed(failure) if failure.kind == Kind::User => {
                self.handle(Event::UserFailed(failure.text))
            }
            Reply::Failed(failure) => self.end = Some(Err(failure)),
        }
    }
}

//! A master that takes over: who is still there, what they hold, and from which round the job goes on.

use std::time::Duration;

use lapwing_container::wire::message::{Round, Summary};

#[cfg(test)]
use super::tests::simulation::bugs::{Bug, planted};
use super::{Command, Engine, Phase, Seat};

/// So long a new master waits for all workers of the old one, once it could go on. One that comes later is as good as in time,
/// unless it alone kept the newest record; then a pass is made again.
const GATHERING: Duration = Duration::from_secs(2);

impl Engine {
    /// These processes live; the others are launched anew.
    pub(super) fn take_over(&mut self, now: Duration, survivors: &[Seat], out: &mut Vec<Command>) {
        self.since = now;
        self.phase = Phase::Gathering;
        self.fleet.launch(now, survivors, out);
        self.gather(now, out);
    }

    /// Goes on from the newest record that anybody keeps, when all survivors have called, or when there is a record and the
    /// rest let us wait. Without any record the job begins anew, with what is loaded.
    pub(super) fn gather(&mut self, now: Duration, out: &mut Vec<Command>) {
        if !matches!(self.phase, Phase::Gathering) {
            return;
        }
        let records =
            self.records.iter().flat_map(|(&seat, rounds)| rounds.iter().map(move |&round| (round, seat)));
        #[cfg(test)]
        let records = records.filter(|(round, _)| {
            !planted(Bug::OldestRecord) || self.records.values().flatten().min() == Some(round)
        });
        let newest = records.max();
        // Whoever saw a pass under way knows that the record of the one before it was kept.
        let under_way = self.newest.map_or(0, |round| round.pass);
        let good = newest.is_some_and(|(round, _)| round.pass + 1 >= under_way);
        if self.fleet.awaits() && !(good && now.saturating_sub(self.since) >= GATHERING) {
            return;
        }
        self.fleet.settle(out);
        match newest {
            Some((round, seat)) => {
                out.push(Command::Fetch(seat, round));
                self.phase = Phase::Fetching(seat, round);
            }
            None => {
                if let Some(Round { pass, .. }) = self.newest.filter(|newest| newest.pass > 1) {
                    let text = format!(
                        "pass {pass} was under way, and whoever kept its record is lost with the master"
                    );
                    out.push(Command::Note(text));
                }
                self.phase = Phase::Loading;
                self.loaded(out);
            }
        }
    }

    /// What was fetched is here: from now on it does not matter what becomes of the worker.
    pub(super) fn fetched(&mut self, now: Duration, seat: Seat, round: Round, out: &mut Vec<Command>) {
        if self.fleet.heard(now, seat)
            && matches!(self.phase, Phase::Fetching(of, what) if (of, what) == (seat, round))
        {
            out.push(Command::Restore);
            self.phase = Phase::Restoring;
        }
    }

    /// The state of a round is there again: from a worker, or from a checkpoint.
    pub(super) fn restored(&mut self, now: Duration, round: Round, summary: Summary, out: &mut Vec<Command>) {
        if matches!(self.phase, Phase::Restoring | Phase::Initialising) {
            self.summary = summary;
            self.fleet.settle(out);
            self.begin(now, round, out);
        }
    }
}

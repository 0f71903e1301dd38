//! Large updates and the master's leave to send them: whichever of the two comes first waits here for the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::merge_tree::Node;
use crate::wire::Buffer;
use crate::wire::message::{Message, Round};

/// An update as it will be sent.
pub(crate) type Update = (Message, Arc<Buffer>);

/// Shared by the computing thread and the one that speaks with the master.
#[derive(Clone, Default)]
pub(crate) struct Credits(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    updates: BTreeMap<(Round, Node), Update>,
    granted: BTreeSet<(Round, Node)>,
}

impl Credits {
    /// An update is ready: it comes back if it may be sent at once, or stays until its credit comes.
    pub(crate) fn ready(&self, round: Round, node: Node, update: Update) -> Option<Update> {
        let mut waiting = self.lock();
        if waiting.granted.remove(&(round, node)) {
            return Some(update);
        }
        waiting.updates.insert((round, node), update);
        None
    }

    /// A credit came: the update that it is for, if it is ready.
    pub(crate) fn grant(&self, round: Round, node: Node) -> Option<Update> {
        let mut waiting = self.lock();
        let update = waiting.updates.remove(&(round, node));
        if update.is_none() {
            waiting.granted.insert((round, node));
        }
        update
    }

    /// A round begins: what is left of earlier ones is of no use to anyone.
    pub(crate) fn begin(&self, round: Round) {
        let mut waiting = self.lock();
        waiting.updates.retain(|&(of, _), _| of >= round);
        waiting.granted.retain(|&(of, _)| of >= round);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().expect("no thread panics with it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::RoundKind;

    #[test]
    fn update_and_credit_meet_in_either_order() {
        let (credits, node) = (Credits::default(), Node { level: 0, index: 0 });
        let round = |pass| Round { pass, kind: RoundKind::Train };
        let update = || (Message::Stop, Arc::new(Buffer::new()));
        assert!(credits.ready(round(1), node, update()).is_none());
        assert!(credits.grant(round(1), node).is_some());
        assert!(credits.grant(round(2), node).is_none());
        assert!(credits.ready(round(2), node, update()).is_some());
        assert!(credits.ready(round(2), node, update()).is_none(), "a credit is for one update");
        credits.begin(round(3));
        assert!(credits.grant(round(2), node).is_none());
    }
}

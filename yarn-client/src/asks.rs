//! What an application master wants and has said so far: the table behind the heartbeat. Pure; no IO.
//!
//! The ResourceManager keeps a number per (priority, key, place) and counts it down as it grants. Asks are absolute, not
//! deltas, so each is told once and again only when the ResourceManager has forgotten it. Every ask here is for **one**
//! container under a key of its own (`allocation_request_id`), so that a grant names the ask that it answers. A grant that no
//! ask waits for any more (cancelled, or granted twice) is given back.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    container::Container,
    proto::{service::Blacklist, yarn::ResourceRequest},
    types::{ContainerId, Priority, Resource},
};

/// A wish for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Comes back with the container. At least 1; one ask at a time per key. A worker's number is a good key.
    pub key: i64,
    /// A smaller number is served first.
    pub priority: Priority,
    /// What the container is to have.
    pub resource: Resource,
    /// Where it should run: host names exactly as in [`NodeId::host`](crate::types::NodeId). Empty for anywhere.
    pub hosts: Vec<String>,
    /// The racks of these hosts (or wished for by themselves). YARN grants a host only together with its rack; where none is
    /// given with a host, `/default-rack` is taken, which is right on clusters without a topology.
    pub racks: Vec<String>,
    /// Whether it may run elsewhere if it must. If not, and no such host ever has room, it **waits for ever and silently**.
    pub relax: bool,
    /// Only on nodes with this label; `None` is what the queue says.
    pub label: Option<String>,
}

impl Ask {
    /// For one container anywhere, with priority 0.
    pub fn new(key: i64, resource: Resource) -> Self {
        Self { key, priority: Priority(0), resource, hosts: vec![], racks: vec![], relax: true, label: None }
    }

    /// The places in which it is entered at the ResourceManager, and whether the scheduler may use each.
    fn places(&self) -> BTreeMap<&str, bool> {
        let strict_host = !self.relax && !self.hosts.is_empty();
        let strict_rack = !self.relax && self.hosts.is_empty() && !self.racks.is_empty();
        let mut places = BTreeMap::from([(ANYWHERE, !strict_host && !strict_rack)]);
        places.extend(self.racks.iter().map(|rack| (rack.as_str(), !strict_host)));
        if self.racks.is_empty() && !self.hosts.is_empty() {
            places.insert(DEFAULT_RACK, !strict_host);
        }
        places.extend(self.hosts.iter().map(|host| (host.as_str(), true)));
        places
    }

    /// Its entries, each for `containers`.
    fn requests(&self, containers: i32) -> impl Iterator<Item = (Entry, ResourceRequest)> {
        self.places().into_iter().map(move |(place, relax)| {
            let request = ResourceRequest {
                priority: Some(self.priority.into()),
                resource_name: Some(place.into()),
                capability: Some(self.resource.into()),
                containers: Some(containers),
                relax_locality: Some(relax),
                // Refused beside the name of a host or a rack.
                node_label: self.label.clone().filter(|_| place == ANYWHERE),
                allocation_request_id: Some(self.key),
            };
            ((self.priority.0, self.key, place.to_owned()), request)
        })
    }
}

/// The name of any place.
const ANYWHERE: &str = "*";

/// Where every node is that no topology script has put elsewhere (`NetworkTopology.DEFAULT_RACK`).
const DEFAULT_RACK: &str = "/default-rack";

/// What the ResourceManager keeps a number for: priority, key, place.
type Entry = (i32, i64, String);

#[derive(Debug, Default)]
pub(crate) struct Asks {
    open: BTreeMap<i64, Ask>,
    /// Entries that the ResourceManager does not know as they are now.
    changed: BTreeMap<Entry, ResourceRequest>,
    /// Entries that it may hold a number for.
    told: BTreeSet<Entry>,
    /// Containers given back whose end was not reported yet.
    releases: BTreeSet<ContainerId>,
    untold_releases: BTreeSet<ContainerId>,
    avoided: BTreeSet<String>,
    blacklist: Blacklist,
}

/// What a heartbeat tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct News {
    pub(crate) asks: Vec<ResourceRequest>,
    pub(crate) releases: Vec<ContainerId>,
    pub(crate) blacklist: Option<Blacklist>,
}

impl Asks {
    /// Takes the place of an earlier ask with the same key.
    pub(crate) fn ask(&mut self, ask: Ask) {
        self.cancel(ask.key);
        self.changed.extend(ask.requests(1));
        self.open.insert(ask.key, ask);
    }

    pub(crate) fn cancel(&mut self, key: i64) {
        if let Some(ask) = self.open.remove(&key) {
            self.withdraw(&ask);
        }
    }

    pub(crate) fn release(&mut self, container: ContainerId) {
        self.releases.insert(container);
        self.untold_releases.insert(container);
    }

    pub(crate) fn avoid(&mut self, host: &str) {
        if self.avoided.insert(host.to_owned()) {
            self.blacklist.removals.retain(|other| other != host);
            self.blacklist.additions.push(host.to_owned());
        }
    }

    pub(crate) fn allow(&mut self, host: &str) {
        if self.avoided.remove(host) {
            self.blacklist.additions.retain(|other| other != host);
            self.blacklist.removals.push(host.to_owned());
        }
    }

    /// Whether containers are waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// What was not told yet; from now on it counts as told.
    pub(crate) fn take_news(&mut self) -> News {
        let blacklist = std::mem::take(&mut self.blacklist);
        let changed = std::mem::take(&mut self.changed);
        for (entry, request) in &changed {
            if request.containers() > 0 {
                self.told.insert(entry.clone());
            } else {
                self.told.remove(entry);
            }
        }
        News {
            asks: changed.into_values().collect(),
            releases: std::mem::take(&mut self.untold_releases).into_iter().collect(),
            blacklist: Some(blacklist).filter(|list| !list.additions.is_empty() || !list.removals.is_empty()),
        }
    }

    /// A heartbeat was refused as a whole: none of its news counts as told.
    ///
    /// Whatever was wrong in it is told again too, until its ask is cancelled.
    pub(crate) fn take_back(&mut self, news: News) {
        for request in news.asks {
            let entry = (
                request.priority.as_ref().map_or(0, |priority| priority.priority()),
                request.allocation_request_id(),
                request.resource_name().into(),
            );
            self.told.remove(&entry);
            self.changed.entry(entry).or_insert(request);
        }
        self.untold_releases.extend(news.releases.into_iter().filter(|id| self.releases.contains(id)));
        let Blacklist { additions, removals } = news.blacklist.unwrap_or_default();
        let later = std::mem::take(&mut self.blacklist);
        let still = |host: &String| self.avoided.contains(host);
        self.blacklist.additions = additions.into_iter().chain(later.additions).filter(still).collect();
        self.blacklist.removals =
            removals.into_iter().chain(later.removals).filter(|host| !still(host)).collect();
    }

    /// The ResourceManager has forgotten everything, so everything that still holds is told again.
    pub(crate) fn tell_again(&mut self) {
        self.told.clear();
        self.changed = self.open.values().flat_map(|ask| ask.requests(1)).collect();
        self.untold_releases = self.releases.clone();
        self.blacklist =
            Blacklist { additions: self.avoided.iter().cloned().collect(), removals: Vec::new() };
    }

    /// Whether somebody waits for this container. If not, it is given back.
    pub(crate) fn accept(&mut self, container: &Container) -> bool {
        let fits = |ask: &&Ask| {
            // Cores are not compared: by default the scheduler does not count them, and grants one.
            ask.priority == container.priority && ask.resource.memory_mb <= container.resource.memory_mb
        };
        if self.open.get(&container.key).filter(fits).is_none() {
            self.release(container.id);
            return false;
        }
        if let Some(ask) = self.open.remove(&container.key) {
            // The ResourceManager has counted down the place that it chose; others would stay there for ever.
            if ask.places().len() > 1 {
                self.withdraw(&ask);
            } else {
                for (entry, _) in ask.requests(0) {
                    self.told.remove(&entry);
                }
            }
        }
        true
    }

    pub(crate) fn completed(&mut self, container: ContainerId) {
        self.releases.remove(&container);
        self.untold_releases.remove(&container);
    }

    /// Sets the ask's numbers to zero where they are known. Elsewhere nothing is said: an ask that was refused for asking
    /// too much would be refused with a zero as well.
    fn withdraw(&mut self, ask: &Ask) {
        for (entry, request) in ask.requests(0) {
            if self.told.contains(&entry) {
                self.changed.insert(entry, request);
            } else {
                self.changed.remove(&entry);
            }
        }
    }
}

#[cfg(test)]
mod tests;

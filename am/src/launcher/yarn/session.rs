//! The session with YARN: asks for containers where their blocks are, starts workers in those that are granted, and tells of
//! each that ends, is about to be taken, or does not come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use yarn_client::rest::ResourceManager;
use yarn_client::types::{ContainerId, Resource};
use yarn_client::{
    Ask, Beat, Completed, Container, ErrorKind, ExitStatus, FinalStatus, NodeManagers, NodeState, Registered,
    Scheduler,
};

use super::Kit;
use crate::cluster::{ClusterJob, room};
use crate::engine::Seat;
use crate::error::{Failure, Kind, log};
use crate::flags::Bytes;
use crate::job::Job;
use crate::launcher::{Happening, Lease};
use crate::staging::{Role, environment};

/// Hosts asked for by name: more do not help the scheduler.
const HOSTS: usize = 3;

/// So long only the best hosts will do: each has had two heartbeats to say that it has room. The scheduler's own patience
/// is as many heartbeats as there are nodes, which on a small cluster may be over before the right one had its turn.
const CHOOSY: Duration = Duration::from_millis(2200);

/// What the master wants of YARN.
pub(super) enum Order {
    Launch(Seat),
    Release(Seat),
    Progress(f32),
    Finish(FinalStatus, String),
}

/// The side that speaks with YARN.
pub(super) struct Session {
    job: Arc<Job>,
    cluster: ClusterJob,
    scheduler: Scheduler,
    nodes: Arc<NodeManagers>,
    kit: Kit,
    told: UnboundedSender<Happening>,
    /// Asked for and not yet granted, by the ask's key.
    waiting: BTreeMap<i64, Wish>,
    running: BTreeMap<Seat, Container>,
    /// Workers that were killed for their memory get more, once.
    larger: BTreeMap<u32, u64>,
    /// Hosts on which containers failed, the oldest first.
    avoided: VecDeque<String>,
    cluster_nodes: u32,
    progress: f32,
    lease: Arc<Lease>,
}

/// A container that was asked for.
struct Wish {
    seat: Seat,
    since: Instant,
    /// Only on the hosts with most of its bytes.
    choosy: bool,
}

impl Session {
    /// Takes over a registered session, and the containers that it has from an attempt before.
    pub(super) fn new(
        job: Arc<Job>,
        cluster: ClusterJob,
        scheduler: Scheduler,
        registered: Registered,
        kit: Kit,
        (told, lease): (UnboundedSender<Happening>, Arc<Lease>),
    ) -> Self {
        let mut session = Self {
            job,
            cluster,
            scheduler,
            nodes: Arc::new(NodeManagers::new()),
            kit,
            told,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            larger: BTreeMap::new(),
            avoided: VecDeque::new(),
            cluster_nodes: 0,
            progress: 0.0,
            lease,
        };
        session.nodes.add_tokens(registered.node_tokens);
        session.adopt(registered.previous);
        session
    }

    /// The containers that there are.
    pub(super) fn running(&self) -> &BTreeMap<Seat, Container> {
        &self.running
    }

    /// Does what is ordered, between heartbeats to the ResourceManager.
    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut beat = tokio::time::Instant::now();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Launch(seat)) => {
                        self.ask(seat, Instant::now(), true);
                        beat = tokio::time::Instant::now();
                    }
                    Some(Order::Release(seat)) => self.release(seat),
                    Some(Order::Progress(progress)) => self.progress = progress,
                    Some(Order::Finish(status, diagnostics)) => {
                        let _ = self.scheduler.finish(status, &diagnostics, "").await;
                        return;
                    }
                    None => return,
                },
                () = tokio::time::sleep_until(beat) => {
                    let said = Instant::now();
                    match self.scheduler.allocate(self.progress).await {
                        Ok(beat) => {
                            self.lease.renew(said);
                            self.take(beat);
                            self.settle();
                        }
                        Err(error) if matches!(error.kind(), ErrorKind::AttemptOver(_)) => {
                            log(&format!("this attempt is over: {error}"));
                            return self.tell(Happening::Superseded(error.to_string()));
                        }
                        Err(error) if error.is("InvalidResourceRequestException") => {
                            self.tell(Happening::Over(Failure::cluster("asking for containers", error)));
                        }
                        // The ResourceManager is away; asking again is all that can be done.
                        Err(_) => {}
                    }
                    self.check_patience().await;
                    beat = tokio::time::Instant::now() + self.scheduler.pace();
                }
            }
        }
    }

    fn tell(&self, happening: Happening) {
        let _ = self.told.send(happening);
    }

    /// Asks for what was asked for in vain on the best hosts once more, this time anywhere.
    fn settle(&mut self) {
        let vain = self.waiting.iter().filter(|(_, wish)| wish.choosy && wish.since.elapsed() > CHOOSY);
        for key in vain.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.scheduler.cancel(key);
            if let Some(Wish { seat, since, .. }) = self.waiting.remove(&key) {
                self.ask(seat, since, false);
            }
        }
    }

    fn ask(&mut self, seat: Seat, since: Instant, choosy: bool) {
        let key = key_of(seat, choosy);
        let memory = self.larger.get(&seat.worker).copied().unwrap_or(self.cluster.worker_memory_mb);
        let splits = self.job.home(seat.worker);
        let mut hosts: Vec<(u64, String)> =
            self.job.placed(splits).hosts.into_iter().map(|(host, bytes)| (bytes, host)).collect();
        hosts.sort_by(|a, b| b.cmp(a));
        hosts.retain(|(_, host)| !self.avoided.contains(host));
        // To the scheduler all hosts of an ask are equally good: one with fewer of the bytes must not be among them.
        let ties = hosts.iter().take_while(|(bytes, _)| *bytes == hosts[0].0).count();
        hosts.truncate(ties);
        // Which of them comes first must not be the same for every worker.
        if ties > 0 {
            hosts.rotate_left(seat.worker as usize % ties);
        }
        let hosts = hosts.into_iter().map(|(_, host)| host);
        let hosts: Vec<String> = hosts.take(HOSTS).collect();
        // To YARN a host counts only together with its rack.
        let racks = hosts.iter().filter_map(|host| self.job.racks.get(host).cloned());
        let racks = racks.collect::<BTreeSet<_>>().into_iter().collect();
        let choosy = choosy && !hosts.is_empty();
        let ask = Ask {
            relax: !choosy,
            hosts,
            racks,
            label: self.cluster.node_label.clone(),
            ..Ask::new(key, Resource { memory_mb: memory, vcores: self.job.worker_cores })
        };
        self.scheduler.ask(ask);
        self.waiting.insert(key, Wish { seat, since, choosy });
    }

    fn release(&mut self, seat: Seat) {
        self.waiting.retain(|&key, wish| {
            if wish.seat == seat {
                self.scheduler.cancel(key);
            }
            wish.seat != seat
        });
        if let Some(container) = self.running.remove(&seat) {
            self.scheduler.release(container.id);
            // Processes are released when they fail: whatever is wrong there, the next one goes elsewhere.
            self.avoid(container.node.host);
        }
    }

    fn take(&mut self, beat: Beat) {
        self.cluster_nodes = beat.cluster_nodes;
        self.nodes.add_tokens(beat.node_tokens);
        self.nodes.add_tokens(beat.resynced.into_iter().flat_map(|registered| registered.node_tokens));
        self.adopt(beat.previous);
        for container in beat.granted {
            match self.waiting.remove(&container.key) {
                Some(Wish { seat, .. }) => self.start(seat, container),
                None => self.scheduler.release(container.id),
            }
        }
        for completed in beat.completed {
            self.ended(&completed);
        }
        for id in beat.preemption.certain.into_iter().chain(beat.preemption.negotiable) {
            self.doom(|container| container.id == id, "the scheduler wants it for others");
        }
        for change in beat.nodes {
            let why = match change.state {
                NodeState::Decommissioning => "its node is being taken out of service",
                NodeState::Unhealthy => "its node finds itself unhealthy",
                _ => continue,
            };
            self.doom(|container| container.node == change.node, why);
        }
    }

    /// Containers of an attempt before this one. The keys under which they were asked for say whose they are.
    fn adopt(&mut self, containers: Vec<Container>) {
        for container in containers {
            match seat_of(container.key) {
                Some(seat) => {
                    self.running.insert(seat, container);
                }
                None => self.scheduler.release(container.id),
            }
        }
    }

    /// Containers that will be taken; told before they are.
    fn doom(&self, which: impl Fn(&Container) -> bool, why: &str) {
        for (&seat, container) in self.running.iter().filter(|(_, container)| which(container)) {
            self.tell(Happening::Doomed(seat, format!("{why} ({})", container.node.host)));
        }
    }

    fn start(&mut self, seat: Seat, container: Container) {
        let mut context = self.kit.context.clone();
        let role = environment(&self.cluster.staging, &Role::Worker(seat, self.kit.master.clone()));
        context
            .environment
            .extend(role.into_iter().map(|(key, value)| (key, yarn_client::shell::literal(&value))));
        let own = |of: Option<u32>| of.is_none_or(|worker| worker == seat.worker);
        for variable in self.job.worker_env.iter().filter(|variable| own(variable.worker)) {
            context.environment.insert(variable.key.clone(), yarn_client::shell::literal(&variable.value));
        }
        self.running.insert(seat, container.clone());
        let (nodes, told) = (self.nodes.clone(), self.told.clone());
        tokio::spawn(async move {
            let host = container.node.host.clone();
            let _ = told.send(match nodes.start(&container, &context).await {
                Ok(()) => Happening::Started(seat, host),
                Err(error) => Happening::Ended(seat, format!("could not be started on {host}: {error}")),
            });
        });
    }

    fn ended(&mut self, completed: &Completed) {
        let of = |id: ContainerId| {
            self.running.iter().find(|(_, container)| container.id == id).map(|(&seat, _)| seat)
        };
        let Some(seat) = of(completed.id) else { return };
        let Some(container) = self.running.remove(&seat) else { return };
        let host = container.node.host;
        let mut how = format!("on {host} {}", completed.explain());
        let too_large = matches!(completed.exit_status, ExitStatus::MemoryExceeded | ExitStatus::Exited(137));
        if too_large && !self.larger.contains_key(&seat.worker) {
            let had = container.resource.memory_mb;
            let more = (had * 3 / 2).min(self.kit.largest_mb);
            self.larger.insert(seat.worker, more.max(had));
            if more > had {
                how = format!("{how}; the next one gets {}", Bytes(more << 20));
            }
        }
        if completed.exit_status != ExitStatus::Preempted {
            self.avoid(host);
        }
        self.tell(Happening::Ended(seat, how));
    }

    /// The next container goes to another node. At most half of them are avoided, or nothing would be left.
    fn avoid(&mut self, host: String) {
        if self.avoided.contains(&host) || self.cluster_nodes < 2 {
            return;
        }
        self.scheduler.avoid(&host);
        self.avoided.push_back(host);
        while self.avoided.len() as u32 > self.cluster_nodes / 2 {
            if let Some(host) = self.avoided.pop_front() {
                self.scheduler.allow(&host);
            }
        }
    }

    /// A job that gets no container at all says so, and why. With some of them it begins, the engine having an eye on that.
    async fn check_patience(&mut self) {
        let limit = Duration::from_secs(self.job.start_timeout);
        let late = self.waiting.values().filter(|wish| wish.since.elapsed() > limit).count();
        if late == 0 || !self.running.is_empty() {
            return;
        }
        let (wanted, seconds) = (self.job.workers, self.job.start_timeout);
        let (memory, cores) = (self.cluster.worker_memory_mb, self.job.worker_cores);
        let what = format!(
            "{late} of {wanted} containers of {memory} MiB and {cores} cores were not granted within {seconds} s"
        );
        let text = format!(
            "{what}: {}; see --workers, --worker-memory, --queue and --start-timeout",
            self.room().await
        );
        self.waiting.clear();
        self.tell(Happening::Over(Failure::new(Kind::Cluster, text)));
    }

    async fn room(&self) -> String {
        let Ok(manager) = ResourceManager::new(&self.cluster.webs) else { return "no figures".to_owned() };
        room(&manager.user(self.cluster.user.clone()), &self.cluster.queue).await
    }
}

/// The key of an ask: whose container it is. Whether other hosts will do cannot be changed under the same key.
fn key_of(seat: Seat, choosy: bool) -> i64 {
    let number = i64::from(seat.incarnation) * 2 + i64::from(!choosy);
    (number << 32) + i64::from(seat.worker) + 1
}

/// And back.
fn seat_of(key: i64) -> Option<Seat> {
    let key = u64::try_from(key).ok()?;
    let worker = u32::try_from(key & 0xffff_ffff).ok()?.checked_sub(1)?;
    let incarnation = u32::try_from((key >> 32) / 2).ok()?;
    Some(Seat { worker, incarnation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_container_it_is() {
        for seat in [Seat { worker: 0, incarnation: 0 }, Seat { worker: 4095, incarnation: 3002 }] {
            for choosy in [false, true] {
                assert_eq!(seat_of(key_of(seat, choosy)), Some(seat));
            }
        }
        assert_eq!(seat_of(-1), None);
        assert_eq!(seat_of(0), None);
    }
}

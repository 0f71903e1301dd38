//! Everything around the engine: the driver and its aggregator, the cluster and its processes, the wires. One thing at a time
//! happens, whichever chance picks; what the engine commands is checked and done.

use std::collections::VecDeque;

use lapwing_container::merge_tree::Partials;
use lapwing_container::rng::Rng;

use super::checks::Checks;
use super::content::{self, Begun, Line, Record, Update};
use super::worker::{Message, Said, Snapshot, Worker, bits};
use super::*;

pub(super) struct World {
    pub(super) rules: Rules,
    pub(super) rng: Rng,
    pub(super) tree: Tree,
    pub(super) now: Duration,
    pub(super) master: Master,
    /// Processes that run, and those of whose end the master has not heard.
    pub(super) workers: BTreeMap<Seat, Worker>,
    /// Containers asked for; whether they are held back until all heals.
    pub(super) asks: Vec<(Seat, bool)>,
    /// What the cluster is about to tell.
    pub(super) news: VecDeque<Event>,
    /// What was said of late: any of it may come again.
    pub(super) past: Vec<Said>,
    pub(super) checkpoint: Option<Snapshot>,
    pub(super) checkpoints: bool,
    pub(super) objective: bool,
    pub(super) orphans: bool,
    pub(super) small: bool,
    pub(super) end: Option<End>,
    /// All is told: one history alone is played.
    told: bool,
    pub(super) checks: Checks,
}

/// One attempt: the engine and what the driver and the aggregator hold.
pub(super) struct Master {
    pub(super) engine: Engine,
    since: Duration,
    /// What rounds began with.
    pub(super) begun: Vec<(Round, Begun)>,
    next: Option<Begun>,
    pub(super) lines: Vec<Line>,
    pub(super) requests: VecDeque<Request>,
    state: Begun,
    partials: Partials<Update>,
    recent: BTreeMap<Node, Update>,
    /// Lines that workers have acknowledged.
    known: BTreeMap<Seat, usize>,
    payload: Option<Said>,
}

pub(super) enum Request {
    Initialise(u64),
    Restore(Snapshot),
    Merge(Node, Update),
    Reuse(Node),
    Step(Round, u64),
    Write,
}

impl Master {
    fn new(rules: &Rules, tree: Tree, since: Duration) -> Self {
        Self {
            engine: Engine::new(rules.clone()),
            since,
            begun: Vec::new(),
            next: None,
            lines: Vec::new(),
            requests: VecDeque::new(),
            state: content::init(0),
            partials: Partials::new(tree),
            recent: BTreeMap::new(),
            known: BTreeMap::new(),
            payload: None,
        }
    }
}

impl World {
    pub(super) fn new(rules: Rules, mut rng: Rng) -> Self {
        let tree = Tree::new(rules.seats.last().map_or(0, |seat| seat.end));
        let mut chance = |n| rng.below(n) == 0;
        let (checkpoints, objective, orphans, small) = (chance(3), !chance(4), chance(2), chance(8));
        let mut world = Self {
            master: Master::new(&rules, tree, Duration::ZERO),
            checks: Checks::new(&rules, tree),
            rules,
            rng,
            tree,
            now: Duration::ZERO,
            workers: BTreeMap::new(),
            asks: Vec::new(),
            news: VecDeque::new(),
            past: Vec::new(),
            checkpoint: None,
            checkpoints,
            objective,
            orphans,
            small,
            end: None,
            told: std::env::var_os("LAPWING_SEED").is_some(),
        };
        world.give(Event::Start);
        world
    }

    /// The master is lost, and another takes over from those that live.
    pub(super) fn replace_master(&mut self) {
        let writing = self.master.requests.iter().any(|request| matches!(request, Request::Write));
        self.checks.saw(if writing { "master lost while it writes" } else { "master lost" });
        if self.rules.attempt > 1 {
            self.checks.saw("several masters lost");
        }
        self.rules.attempt += 1;
        self.asks.clear();
        let mut told = Vec::new();
        for worker in self.workers.values_mut() {
            worker.disconnect();
            // The cluster may not have noticed yet that one is gone, nor know of each that lives.
            let known = if worker.alive { self.rng.below(12) > 0 } else { self.rng.below(2) == 0 };
            if known && !worker.orphan {
                told.push(worker.seat);
            }
        }
        self.workers.retain(|seat, worker| worker.alive || told.contains(seat));
        self.workers.values_mut().for_each(|worker| worker.orphan = false);
        self.news.retain(|event| matches!(event, Event::Lost(seat, _) if told.contains(seat)));
        self.master = Master::new(&self.rules, self.tree, self.now);
        self.checks.take_over(&told);
        self.give(Event::TakeOver(told));
    }

    pub(super) fn give(&mut self, event: Event) {
        if self.end.is_some() {
            return;
        }
        self.hear(&event);
        let commands = self.master.engine.handle(self.now - self.master.since, event.clone());
        self.tell(|| format!("{event:?}\n    {commands:?}"));
        for command in commands {
            assert_eq!(self.end, None, "{command:?} after the end");
            self.check(&event, &command);
            self.obey(command);
        }
        self.master.payload = None;
        self.check_always();
    }

    /// Shown with the failure of the one history that was asked for.
    #[expect(clippy::print_stdout, reason = "the test harness holds it back until then")]
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{:?} {}", self.now, what());
        }
    }

    /// What a worker has said arrives.
    pub(super) fn arrive(&mut self, said: Said) {
        let (Said::Word(event) | Said::Update(event, _) | Said::Snapshot(event, _)) = said.clone();
        match &event {
            Event::Hello(seat, _) => {
                self.master.known.remove(seat);
                self.workers.entry(*seat).and_modify(|worker| worker.introduced = true);
            }
            Event::Kept(seat, round) => {
                self.master.known.insert(*seat, round.pass as usize - 1);
            }
            _ => {}
        }
        self.master.payload = Some(said);
        self.give(event);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Launch(seat) => self.asks.push((seat, false)),
            Command::Release(seat) => self.release(seat),
            Command::Load(seat, splits, adopted) => self.send(seat, Message::Load(splits, adopted)),
            Command::Unload(seat, splits) => self.send(seat, Message::Unload(splits)),
            Command::Initialise(summary) => self.ask(Request::Initialise(summary.rows)),
            Command::Fetch(seat, round) => self.send(seat, Message::Fetch(round)),
            Command::Restore => match self.master.payload.take() {
                Some(Said::Snapshot(_, snapshot)) => self.ask(Request::Restore(snapshot)),
                _ => panic!("it goes on from what has not come"),
            },
            Command::Broadcast(round, calls) => {
                let state = self.begin(round).state;
                let safe = self.master.engine.safe();
                for (seat, nodes) in calls {
                    self.send(seat, Message::State { round, nodes, state, safe });
                }
            }
            Command::Keep(seat, round) => self.keep(seat, round),
            Command::Credit(seat, round, node) => self.send(seat, Message::Credit(round, node)),
            Command::Merge(node) => match self.master.payload.take() {
                Some(Said::Update(_, update)) => self.ask(Request::Merge(node, update)),
                _ => panic!("{node:?} is merged without an update"),
            },
            Command::Reuse(node) => self.ask(Request::Reuse(node)),
            Command::Step { round, .. } => self.ask(Request::Step(round, self.checks.merged())),
            Command::Write => self.ask(Request::Write),
            Command::Note(_) => {}
            Command::End(end) => self.end = Some(end),
        }
    }

    /// What a round begins with; the driver keeps it for as long as the round's record may be asked for.
    fn begin(&mut self, round: Round) -> Begun {
        let master = &mut self.master;
        if let Some(&(_, begun)) = master.begun.iter().find(|(of, _)| *of == round) {
            return begun;
        }
        let begun = master.next.take().expect("a round has something to begin with");
        master.begun.push((round, begun));
        begun
    }

    fn keep(&mut self, seat: Seat, round: Round) {
        let known_lines = self.master.known.get(&seat).copied().unwrap_or(0).min(round.pass as usize - 1);
        let begun = self.begin(round);
        let lines = self.master.lines[known_lines..round.pass as usize - 1].to_vec();
        self.send(seat, Message::Keep(Record { round, begun, known_lines, lines }));
    }

    fn release(&mut self, seat: Seat) {
        self.asks.retain(|(of, _)| *of != seat);
        if self.rng.below(2) == 0 {
            self.news.retain(|event| !matches!(event, Event::Lost(of, _) if *of == seat));
        }
        let lingers = self.orphans && self.rng.below(4) == 0;
        match self.workers.get_mut(&seat) {
            // Its node is out of reach as well.
            Some(worker) if worker.alive && lingers => {
                worker.disconnect();
                (worker.orphan, worker.frozen) = (true, false);
            }
            _ => {
                self.workers.remove(&seat);
            }
        }
    }

    fn send(&mut self, seat: Seat, message: Message) {
        if let Some(worker) = self.workers.get_mut(&seat).filter(|worker| worker.introduced) {
            worker.inbox.push_back(message);
        }
    }

    fn ask(&mut self, request: Request) {
        self.master.requests.push_back(request);
    }

    /// The aggregator does what it was asked first. False if it is asked for nothing.
    pub(super) fn aggregate(&mut self) -> bool {
        let Some(request) = self.master.requests.pop_front() else { return false };
        let master = &mut self.master;
        match request {
            Request::Initialise(rows) => match self.checkpoint.clone().filter(|_| self.rules.attempt > 1) {
                Some(snapshot) => {
                    self.checks.saw("gone on from a checkpoint");
                    self.restore(snapshot);
                }
                None => {
                    master.state = content::init(rows);
                    master.next = Some(master.state);
                    self.give(Event::Initialised);
                }
            },
            Request::Restore(snapshot) => self.restore(snapshot),
            Request::Merge(node, update) => {
                master.partials.insert(node, update, content::merge);
                master.recent.insert(node, update);
                self.give(Event::Merged);
            }
            Request::Reuse(node) => {
                let update = *master.recent.get(&node).expect("there is an earlier update to stand in");
                master.partials.insert(node, Update { bytes: 0, ..update }, content::merge);
            }
            Request::Step(round, splits) => {
                let partials = std::mem::replace(&mut master.partials, Partials::new(self.tree));
                let update = partials.finish(content::merge).expect("a step from something");
                assert_eq!(update.splits, splits, "{round:?} steps from other splits than it says");
                if round.kind == RoundKind::Evaluate {
                    return self.scored();
                }
                let (next, done) = content::step(master.state, update);
                (master.state, master.next) = (next, Some(next));
                master.lines.push((round.pass, next.state));
                self.check_step(round, next);
                self.give(Event::Stepped { done, objective: self.objective });
                if let Some(round) = self.master.engine.round().filter(|_| self.checkpoints) {
                    self.checkpoint = Some(Snapshot { round, begun: next, lines: self.master.lines.clone() });
                }
            }
            Request::Write => self.give(Event::Written),
        }
        true
    }

    fn scored(&mut self) -> bool {
        self.give(Event::Stepped { done: true, objective: true });
        true
    }

    fn restore(&mut self, Snapshot { round, begun, lines }: Snapshot) {
        let master = &mut self.master;
        (master.state, master.next, master.lines) = (begun, Some(begun), lines);
        let rows = u64::from(self.tree.splits(self.tree.root()).end) * ROWS;
        let summary = Summary { splits: self.tree.splits(self.tree.root()).end, rows, ..Summary::default() };
        self.give(Event::Restored(round, summary));
    }

    /// A container that was asked for comes, and its process starts.
    pub(super) fn grant(&mut self, index: usize) {
        let (seat, _) = self.asks.swap_remove(index);
        let host = self.rng.below(3) as u32;
        self.workers.insert(seat, Worker::new(seat, host, self.small));
        if self.rules.patient {
            self.news.push_back(Event::Started(seat));
        }
    }

    /// Time passes, and those that can give signs of life.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        let beats = |worker: &&Worker| worker.introduced && !worker.frozen;
        let beating: Vec<Seat> = self.workers.values().filter(beats).map(|worker| worker.seat).collect();
        for seat in beating {
            self.give(Event::Heard(seat));
        }
        self.give(Event::Tick);
    }

    /// Bytes of updates in the master: merged, or waiting to be.
    pub(super) fn resting(&self) -> u64 {
        let waiting = self.master.requests.iter().map(|request| match request {
            Request::Merge(_, update) => update.bytes,
            _ => 0,
        });
        self.master.partials.values().map(|update| update.bytes).chain(waiting).sum()
    }

    pub(super) fn holds(&self, seat: Seat, splits: &Range<u32>) -> bool {
        let wanted = bits(splits);
        self.workers.get(&seat).is_some_and(|worker| worker.loaded & wanted == wanted)
    }
}

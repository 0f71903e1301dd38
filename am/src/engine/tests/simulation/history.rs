//! One history: what chance lets happen, and how all heals.

use super::worker::Said;
use super::*;

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Kill,
    Cut,
    Bury,
    Freeze,
    Fail,
    Doom,
    Withhold,
    Jump,
    Again,
    Master,
    MasterAndKeepers,
    MasterAndWorker,
}

const TROUBLES: [Trouble; 12] = [
    Trouble::Kill,
    Trouble::Cut,
    Trouble::Bury,
    Trouble::Freeze,
    Trouble::Fail,
    Trouble::Doom,
    Trouble::Withhold,
    Trouble::Jump,
    Trouble::Again,
    Trouble::Master,
    Trouble::MasterAndKeepers,
    Trouble::MasterAndWorker,
];

/// After so much quiet every timer has fired.
const QUIET: u32 = 120;

/// The whole of it; a promise that does not hold is a panic.
pub(super) fn play(seed: u64) -> World {
    let mut rng = Rng::new(&[seed]);
    let rules = random_rules(&mut rng);
    let kinds: Vec<Trouble> = TROUBLES.into_iter().filter(|_| rng.below(2) == 0).collect();
    let (pace, mut calm, mut troubles) = (2 + rng.below(40), rng.below(300), 1 + rng.below(8));
    let mut world = World::new(rules, rng);
    if world.rules.patient && world.rng.below(4) == 0 {
        // A full cluster: some containers come much later than others.
        world.asks[0].1 = true;
    }
    for _ in 0..600 {
        if world.end.is_some() || troubles == 0 {
            break;
        }
        calm = calm.saturating_sub(1);
        if !kinds.is_empty() && calm == 0 && world.rng.below(pace) == 0 {
            troubles -= 1;
            let kind = kinds[world.rng.below(kinds.len() as u64) as usize];
            world.suffer(kind);
        } else {
            world.go_on();
        }
    }
    world.heal();
    world
}

impl World {
    /// Something that was to happen does.
    fn go_on(&mut self) {
        match self.rng.below(16) {
            0 => {
                let time = Duration::from_millis(10 + self.rng.below(400));
                self.wait(time);
            }
            1 | 2 => {
                self.aggregate();
            }
            3 => {
                if let Some(event) = self.news.pop_front() {
                    self.give(event);
                }
            }
            4 => {
                let index = self.rng.below(self.asks.len().max(1) as u64) as usize;
                match self.asks.get(index) {
                    Some((_, true)) if self.rng.below(4) > 0 => {
                        let time = Duration::from_secs(self.rng.below(25));
                        self.wait(time);
                    }
                    Some(_) => self.grant(index),
                    None => {}
                }
            }
            _ => {
                if let Some(seat) = self.anyone() {
                    let first = self.rng.below(4);
                    let _ = (first..first + 4).any(|what| self.work(seat, what % 4));
                }
            }
        }
    }

    /// One of four things that a process can do. False if there is no such thing to do.
    fn work(&mut self, seat: Seat, what: u64) -> bool {
        let (tree, overtaking) = (self.tree, self.rng.below(4) == 0);
        let Some(worker) = self.workers.get_mut(&seat).filter(|worker| worker.alive) else { return false };
        match what {
            // What is sent already comes, frozen or not.
            0 => {
                let Some(said) = worker.hear(overtaking) else { return false };
                self.remember(&said);
                self.arrive(said);
                true
            }
            _ if worker.frozen => false,
            1 => worker.take(overtaking),
            2 => worker.compute(tree),
            _ => {
                let calls = !worker.connected;
                if calls {
                    worker.connect();
                }
                calls
            }
        }
    }

    fn suffer(&mut self, trouble: Trouble) {
        let someone = self.anyone();
        self.tell(|| format!("{trouble:?} {someone:?}"));
        match (trouble, someone) {
            (Trouble::Kill, Some(seat)) => self.kill(seat),
            (Trouble::Cut, Some(seat)) => self.worker(seat).disconnect(),
            // The driver gives up a connection that broke, if there was one.
            (Trouble::Bury, Some(seat)) if self.worker(seat).introduced => {
                self.worker(seat).disconnect();
                self.give(Event::Lost(seat, "is out of reach".to_owned()));
            }
            (Trouble::Freeze, Some(seat)) => self.worker(seat).frozen = true,
            (Trouble::Fail, Some(seat)) => self.worker(seat).fail(),
            (Trouble::Doom, Some(seat)) => self.news.push_back(Event::Doomed(seat, "preemption".to_owned())),
            (Trouble::Withhold, _) => self.asks.iter_mut().for_each(|(_, withheld)| *withheld = true),
            (Trouble::Jump, _) => {
                let time = Duration::from_secs(self.rng.below(25));
                self.wait(time);
            }
            (Trouble::Again, _) => {
                // What the dead have said, if they have said anything of late.
                let dead = self.past.iter().filter(|said| !self.workers.contains_key(&said.seat())).cloned();
                let dead: Vec<Said> = dead.collect();
                let from = if dead.is_empty() { &self.past } else { &dead };
                let index = self.rng.below(from.len().max(1) as u64) as usize;
                if let Some(said) = from.get(index).cloned() {
                    self.arrive(said);
                }
            }
            (Trouble::Master, _) => self.replace_master(),
            (Trouble::MasterAndKeepers, _) => {
                let keep = |seat: &Seat| !self.workers[seat].records.is_empty();
                let keepers: Vec<Seat> = self.workers.keys().copied().filter(keep).collect();
                keepers.into_iter().for_each(|seat| self.kill(seat));
                self.replace_master();
            }
            (Trouble::MasterAndWorker, Some(seat)) => {
                self.kill(seat);
                self.replace_master();
            }
            _ => {}
        }
    }

    /// What may come once more: an update of a process however long gone, an offer, a sign of life. An introduction and what
    /// is said of memory comes on a connection of its own, and the driver knows which is the present one.
    fn remember(&mut self, said: &Said) {
        let again = matches!(said, Said::Update(..) | Said::Snapshot(..) | Said::Word(Event::Offered(..)));
        if again {
            if self.past.len() == 32 {
                self.past.remove(self.rng.below(32) as usize);
            }
            self.past.push(said.clone());
        }
    }

    fn kill(&mut self, seat: Seat) {
        if self.worker(seat).alive {
            self.worker(seat).die();
            self.news.push_back(Event::Lost(seat, "was killed".to_owned()));
        }
    }

    fn worker(&mut self, seat: Seat) -> &mut worker::Worker {
        self.workers.get_mut(&seat).expect("it is one of them")
    }

    fn anyone(&mut self) -> Option<Seat> {
        let index = self.rng.below(self.workers.len().max(1) as u64) as usize;
        self.workers.keys().nth(index).copied()
    }

    /// Nothing goes wrong any more and everything arrives: the job must end, and no wait is without a deadline.
    fn heal(&mut self) {
        self.asks.iter_mut().for_each(|(_, withheld)| *withheld = false);
        let mut quiet = 0;
        for _ in 0..20_000 {
            if self.end.is_some() {
                return;
            }
            if self.everything_moves() {
                quiet = 0;
                continue;
            }
            quiet += 1;
            assert!(quiet < QUIET, "stuck in {:?}", self.master.engine.phase);
            self.wait(Duration::from_secs(1));
        }
        panic!("no end in {:?}", self.master.engine.phase);
    }

    fn everything_moves(&mut self) -> bool {
        let mut moved = false;
        while let Some(event) = self.news.pop_front() {
            self.give(event);
            moved = true;
        }
        while !self.asks.is_empty() {
            self.grant(0);
            moved = true;
        }
        let seats: Vec<Seat> = self.workers.keys().copied().collect();
        for seat in seats {
            for what in [3, 0, 1, 2] {
                moved |= self.work(seat, what);
            }
        }
        moved | self.aggregate()
    }
}

fn random_rules(rng: &mut Rng) -> Rules {
    let (workers, mut end) = (1 + rng.below(4), 0);
    let mut widen = |_| {
        let start = end;
        end += 1 + rng.below(4) as u32;
        start..end
    };
    let seats = (0..workers).map(&mut widen).collect();
    let one_in = |rng: &mut Rng, n| rng.below(n) == 0;
    let on_loss =
        [OnLoss::Restart, OnLoss::Restart, OnLoss::Ignore, OnLoss::Approximate][rng.below(4) as usize];
    Rules {
        seats,
        on_loss,
        spares: if one_in(rng, 3) { 1 + rng.below(2) as u32 } else { 0 },
        passes: 1 + rng.below(5) as u32,
        max_failures: if one_in(rng, 8) { rng.below(3) as u32 } else { 100 },
        start_timeout: Duration::from_secs(20),
        patient: one_in(rng, 2),
        silence: Duration::from_secs(10),
        update_budget: [1, 3 * LARGE, 1 << 40][rng.below(3) as usize],
        quorum: one_in(rng, 3).then_some(0.6),
        pass_deadline: one_in(rng, 4).then(|| Duration::from_secs(1 + rng.below(5))),
        min_coverage: if one_in(rng, 8) { 0.5 } else { 0.0 },
        ..rules()
    }
}

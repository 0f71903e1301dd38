//! `--self-check`: looks for what would make results differ between runs, on a few splits in this process.

use lapwing_container::algorithm::{Algorithm, At, Pass, RoundKind, Step};
use lapwing_container::guard::guard;
use lapwing_container::load::Load;
use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::rng::Rng;
use lapwing_container::wire::message::Summary;
use lapwing_container::wire::{Buffer, Wire, digest};

use crate::error::{Failure, Kind};
use crate::job::Job;

/// Splits that are looked at.
const SPLITS: usize = 8;

/// Checks an algorithm; the lines say what was checked, the failure what was found.
pub(crate) fn run<A: Algorithm>(algorithm: &A, job: &Job) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let splits = &job.splits[..job.splits.len().min(SPLITS)];
    let (mut data, mut summary) = (Vec::new(), Summary { splits: splits.len() as u32, ..Summary::default() });
    for split in splits {
        let (loaded, shape) =
            A::Data::load(split, &job.load).map_err(|error| Failure::new(Kind::Input, error.to_string()))?;
        data.push(loaded);
        summary.rows += shape.rows;
        summary.stored += shape.stored;
        summary.columns = summary.columns.max(shape.columns);
    }
    summary.columns = job.load.columns.unwrap_or(summary.columns);
    let check = Check { algorithm, seed: job.seed, summary, data };
    let mut state = user("init", guard(|| algorithm.init(&summary)))?;
    let mut memory = A::Memory::default();
    for pass in 1..=2 {
        let encoded = round_trip(&state, "the state")?;
        let updates = check.passes(&encoded, pass)?;
        lines.push(format!(
            "pass {pass}: {} splits, each passed over three times: the same bits",
            updates.len()
        ));
        let merged = check.merges(&updates)?;
        lines.push(format!("pass {pass}: merged in three orders of arrival: the same bits"));
        let update = decode::<A::Update>(&merged)?;
        let (rows_covered, splits_covered) = (summary.rows, summary.splits);
        let pass = Pass {
            number: pass,
            kind: RoundKind::Train,
            summary: &summary,
            splits_covered,
            rows_covered,
            rows_stale: 0,
        };
        let again = decode::<A::Memory>(&round_trip(&memory, "the memory")?);
        let copies = (decode::<A::State>(&encoded)?, decode::<A::Update>(&merged)?, again?);
        let step = user("step", guard(|| algorithm.step(state, update, &mut memory, &pass)))?;
        let (copy, update, mut other) = copies;
        let twin = user("step", guard(|| algorithm.step(copy, update, &mut other, &pass)))?;
        let same =
            |a: &Step<A::State>, b: &Step<A::State>| Ok::<_, Failure>(*bits(&a.state)? == *bits(&b.state)?);
        expect(same(&step, &twin)?, "step gave two different states for the same update")?;
        expect(*bits(&memory)? == *bits(&other)?, "step left two different memories for the same update")?;
        lines.push(format!("pass {}: stepped twice: the same bits", pass.number));
        state = step.state;
    }
    lines.push(format!("state after two passes: {:032x}", digest(&bits(&state)?)));
    Ok(lines)
}

struct Check<'a, A: Algorithm> {
    algorithm: &'a A,
    seed: u64,
    summary: Summary,
    data: Vec<A::Data>,
}

impl<A: Algorithm> Check<'_, A> {
    /// Every split from an empty `Local`, again with the one that it left, and again from an empty one, in reverse order.
    fn passes(&self, state: &Buffer, pass: u32) -> Result<Vec<Buffer>, Failure> {
        let decoded = decode::<A::State>(state)?;
        let mut updates = vec![Buffer::new(); self.data.len()];
        for (split, data) in self.data.iter().enumerate().rev() {
            let at = At { pass, split: split as u32, seed: self.seed, summary: &self.summary };
            let mut local = A::Local::default();
            let run = |local: &mut A::Local| {
                let update = guard(|| self.algorithm.pass(data, local, &decoded, &at));
                bits(&user(&format!("pass over split {split}"), update)?)
            };
            let (first, second, third) = (run(&mut local)?, run(&mut local)?, run(&mut A::Local::default())?);
            let what = "gave two different updates";
            expect(
                *first == *second,
                &format!("pass over split {split} {what}: it must not depend on what Local holds"),
            )?;
            expect(*first == *third, &format!("pass over split {split} {what} for the same state"))?;
            updates[split] = first;
        }
        Ok(updates)
    }

    /// Merged as they come from the left, from the right, and shuffled.
    fn merges(&self, updates: &[Buffer]) -> Result<Buffer, Failure> {
        let mut orders = vec![(0..updates.len()).collect::<Vec<_>>()];
        orders.push(orders[0].iter().rev().copied().collect());
        orders.push(orders[0].clone());
        Rng::new(&[self.seed]).shuffle(&mut orders[2]);
        let mut results = Vec::new();
        for order in orders {
            let mut partials = Partials::new(Tree::new(updates.len() as u32));
            for index in order {
                let update = decode::<A::Update>(&updates[index])?;
                let node = Node { level: 0, index: index as u32 };
                let merged = guard(|| {
                    partials.insert(node, update, |into, other| self.algorithm.merge(into, other));
                    Ok(())
                });
                user("merge", merged)?;
            }
            let merged = partials.finish(|into, other| self.algorithm.merge(into, other));
            results.push(round_trip(&merged.expect("there is at least one split"), "the update")?);
        }
        expect(
            results.iter().all(|bytes| **bytes == *results[0]),
            "merge gave different sums for the same updates",
        )?;
        Ok(results.swap_remove(0))
    }
}

/// Encodes, decodes and encodes again: the bytes must not change on the way.
fn round_trip<T: Wire>(value: &T, what: &str) -> Result<Buffer, Failure> {
    let bytes = bits(value)?;
    expect(
        *bits(&decode::<T>(&bytes)?)? == *bytes,
        &format!("{what} does not survive the wire with the same bits"),
    )?;
    Ok(bytes)
}

fn bits<T: Wire>(value: &T) -> Result<Buffer, Failure> {
    value.encode().map_err(|error| Failure::cluster("encoding", error))
}

fn decode<T: Wire>(bytes: &Buffer) -> Result<T, Failure> {
    T::decode(bytes).map_err(|error| Failure::cluster("decoding", error))
}

fn user<T>(what: &str, outcome: Result<T, String>) -> Result<T, Failure> {
    outcome.map_err(|text| Failure::new(Kind::User, format!("the algorithm failed in {what}: {text}")))
}

fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(Kind::User, format!("self-check: {what}"))) }
}

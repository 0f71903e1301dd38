//! An algorithm for the framework's own tests: gradient descent with momentum, whose result shows every change in the order of
//! additions, and which misbehaves on request.
//!
//! What changes the result is a flag. What must not change it (delays, a roll of the processes) is an environment variable,
//! because flags of the algorithm are written into the model.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapwing::load::SparseRows;
use lapwing::math;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, Step, Summary};

/// Milliseconds that a pass over a split sleeps at the most; how long, the process and the moment decide.
const JITTER: &str = "TESTBED_JITTER_MS";
/// Milliseconds that each pass over a split takes in addition.
const PACE: &str = "TESTBED_PACE_MS";
/// The pass from which on every pass of this process takes for ever, if it is the first in its seat.
const STUCK: &str = "TESTBED_STUCK";
/// A directory where every process that passes notes what it sees of GLIBC_TUNABLES.
const ROLL: &str = "TESTBED_ROLL";
/// If set, passes write this to stdout.
const CHATTER: &str = "TESTBED_CHATTER";
/// If set, the master dies before it says a word.
const MUTE_MASTER: &str = "TESTBED_MUTE_MASTER";
/// If set, a worker takes half a minute before it says a word.
const SLUGGISH: &str = "TESTBED_SLUGGISH";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Testbed")]
struct Testbed {
    /// Step size
    #[arg(long, default_value_t = 0.05)]
    rate: f32,
    /// Numbers that state and update hold at least, to make them large
    #[arg(long, default_value_t = 0)]
    floats: usize,
    /// Return no objective
    #[arg(long)]
    aimless: bool,
    /// What goes wrong
    #[arg(long, value_enum)]
    fail: Option<Fail>,
    /// Where it goes wrong; in `Default` of Local and Memory whatever --fail says
    #[arg(long, value_enum, default_value = "pass")]
    at: Place,
    /// In which split, if in a pass over one
    #[arg(long, default_value_t = 0)]
    fail_split: u32,
    /// In which pass; 0 for all of them
    #[arg(long, default_value_t = 1)]
    fail_pass: u32,
    /// What makes the algorithm unfit for the promise of equal bits
    #[arg(long, value_enum)]
    flaw: Option<Flaw>,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Fail {
    Error,
    Panic,
    Abort,
    Hang,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Place {
    Init,
    Pass,
    Merge,
    Step,
    Local,
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Flaw {
    /// The update depends on the moment.
    Clock,
    /// The update depends on what Local holds.
    Local,
    /// The step depends on the moment.
    Step,
}

#[lapwing::wire]
struct Weights {
    values: Vec<f32>,
    trail: u64,
}

#[lapwing::wire]
struct Gradient {
    sum: Vec<f32>,
    /// Shows in which order and in which groups the splits were merged: sums show the groups alone, as a + b is b + a.
    trail: u64,
    loss: f64,
    rows: u64,
}

#[lapwing::wire]
struct Momentum {
    velocity: Vec<f32>,
    steps: u64,
}

/// How often a split was passed over, and the order of its rows.
struct Cache {
    passes: u32,
    order: Vec<u32>,
}

impl Default for Cache {
    fn default() -> Self {
        refuse("--at=local");
        Self { passes: 0, order: Vec::new() }
    }
}

impl Default for Momentum {
    fn default() -> Self {
        refuse("--at=memory");
        Self { velocity: Vec::new(), steps: 0 }
    }
}

/// `Default` knows no flags but those of the process.
fn refuse(place: &str) {
    assert!(std::env::args().all(|argument| argument != place), "out of luck");
}

impl Algorithm for Testbed {
    type Data = SparseRows;
    type Local = Cache;
    type State = Weights;
    type Update = Gradient;
    type Memory = Momentum;

    fn init(&self, summary: &Summary) -> Result<Weights> {
        self.go_wrong(Place::Init, None)?;
        Ok(Weights { values: vec![0.0; self.floats.max(summary.columns as usize)], trail: 0 })
    }

    fn pass(&self, data: &SparseRows, cache: &mut Cache, state: &Weights, at: &At) -> Result<Gradient> {
        take_time(at.pass);
        take_notes();
        self.go_wrong(Place::Pass, Some((at.split, at.pass)))?;
        cache.passes += 1;
        cache.order.clear();
        cache.order.extend(0..data.rows() as u32);
        let mut rng = at.rng();
        rng.shuffle(&mut cache.order);
        let (sum, trail) = (vec![0.0; state.values.len()], rng.next_u64());
        let mut update = Gradient { sum, trail, loss: 0.0, rows: data.rows() as u64 };
        for &row in &cache.order {
            let (label, columns, values) = data.row(row as usize);
            let margin: f32 = columns.iter().zip(values).map(|(&c, v)| state.values[c as usize] * v).sum();
            update.loss += math::ln_1p(math::exp(f64::from(-margin * label)));
            let slope = -label / (1.0 + math::exp_f32(margin * label));
            for (&column, value) in columns.iter().zip(values) {
                update.sum[column as usize] += slope * value;
            }
        }
        // The numbers beyond the columns, of many magnitudes: their sum depends on the order of the splits.
        for sum in update.sum.iter_mut().skip(at.summary.columns as usize) {
            *sum += (rng.uniform_f32() - 0.5) * if at.split.is_multiple_of(3) { 1e4 } else { 1.0 };
        }
        match self.flaw {
            Some(Flaw::Clock) => update.loss += clock() as f64 * 1e-12,
            Some(Flaw::Local) => update.loss += f64::from(cache.passes),
            _ => {}
        }
        Ok(update)
    }

    fn merge(&self, into: &mut Gradient, other: Gradient) {
        if let Err(error) = self.go_wrong(Place::Merge, None) {
            panic!("{error}");
        }
        into.sum.iter_mut().zip(&other.sum).for_each(|(sum, value)| *sum += value);
        into.trail = into.trail.rotate_left(7).wrapping_mul(31).wrapping_add(other.trail);
        into.loss += other.loss;
        into.rows += other.rows;
    }

    fn step(
        &self,
        state: Weights,
        update: Gradient,
        memory: &mut Momentum,
        pass: &Pass,
    ) -> Result<Step<Weights>> {
        self.go_wrong(Place::Step, Some((self.fail_split, pass.number)))?;
        assert_eq!(update.rows, pass.rows_covered, "what the framework says was covered is what came");
        let Weights { mut values, trail } = state;
        let trail = trail.rotate_left(1) ^ update.trail;
        memory.velocity.resize(values.len(), 0.0);
        memory.steps += 1;
        assert_eq!(memory.steps, u64::from(pass.number), "the memory lasts from pass to pass");
        for ((value, velocity), sum) in values.iter_mut().zip(&mut memory.velocity).zip(&update.sum) {
            *velocity = 0.9 * *velocity + sum / update.rows as f32;
            *value -= self.rate * *velocity;
        }
        if self.flaw == Some(Flaw::Step) {
            values[0] += (clock() % 1_000_003) as f32;
        }
        let objective = if self.aimless { f64::NAN } else { update.loss / update.rows as f64 };
        Ok(Step { state: Weights { values, trail }, objective, done: false })
    }

    fn predict(&self, data: &SparseRows, state: &Weights) -> Result<Vec<Prediction>> {
        let predict = |(label, columns, values): (f32, &[u32], &[f32])| {
            let margin: f32 = columns.iter().zip(values).map(|(&c, v)| state.values[c as usize] * v).sum();
            let loss = math::ln_1p(math::exp(f64::from(-margin * label)));
            Prediction { value: margin, score: margin, label, correct: Some(margin * label > 0.0), loss }
        };
        Ok(data.iter().map(predict).collect())
    }

    fn restore(&self, model: &Model) -> Result<Weights> {
        Ok(Weights { values: model.get_f32("coef_")?.to_vec(), trail: 0 })
    }

    fn model(&self, state: &Weights, _: &Summary) -> Result<Model> {
        let shape = [state.values.len() as u64];
        Ok(Model::default().f32s("coef_", &shape, state.values.clone(), "weight of each column").i64s(
            "trail_",
            &[1],
            vec![state.trail as i64],
            "which merges led here",
        ))
    }
}

impl Testbed {
    fn go_wrong(&self, place: Place, at: Option<(u32, u32)>) -> Result<()> {
        let here = at.is_none_or(|(split, pass)| {
            split == self.fail_split && (self.fail_pass == 0 || pass == self.fail_pass)
        });
        match self.fail.filter(|_| place == self.at && here) {
            None => Ok(()),
            Some(Fail::Error) => Err("out of luck".into()),
            Some(Fail::Panic) => panic!("out of luck"),
            Some(Fail::Abort) => std::process::abort(),
            Some(Fail::Hang) => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
        }
    }
}

fn take_time(pass: u32) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let stuck = number(STUCK);
    let first = std::env::var("LAPWING_ROLE").is_ok_and(|role| role.split(':').nth(2) == Some("0"));
    while first && stuck > 0 && u64::from(pass) >= stuck {
        std::thread::sleep(Duration::from_secs(1));
    }
    let jitter = match number(JITTER) {
        0 => 0,
        most => clock().wrapping_mul(u64::from(std::process::id())) % most,
    };
    std::thread::sleep(Duration::from_millis(jitter + number(PACE)));
}

fn take_notes() {
    if let Some(chatter) = std::env::var_os(CHATTER) {
        let _ = writeln!(std::io::stdout(), "{}", chatter.display());
    }
    if let Some(roll) = std::env::var_os(ROLL) {
        // Without what follows: where the master is.
        let role = std::env::var("LAPWING_ROLE").unwrap_or_default();
        let name = role.splitn(4, ':').take(3).collect::<Vec<_>>().join(":");
        let tunables = std::env::var("GLIBC_TUNABLES").unwrap_or_default();
        let _ = std::fs::write(PathBuf::from(roll).join(name), tunables);
    }
}

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

fn main() -> ExitCode {
    let master = std::env::var("LAPWING_ROLE").is_ok_and(|role| role.starts_with("master"));
    if master && std::env::var_os(MUTE_MASTER).is_some() {
        std::process::abort();
    }
    if std::env::var_os(SLUGGISH).is_some() {
        std::thread::sleep(Duration::from_secs(30));
    }
    lapwing::main::<Testbed>()
}

//! What is measured, in which order: repetitions outermost, so that the engines alternate.

use std::path::PathBuf;

use crate::Flags;

/// One run to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) part: &'static str,
    pub(crate) engine: Engine,
    pub(crate) algorithm: &'static str,
    pub(crate) workers: u32,
    /// Exactly so many splits; 0 to cut by size.
    pub(crate) splits: u32,
    pub(crate) passes: u32,
    /// Which of the data sets.
    pub(crate) data: usize,
    pub(crate) rows: u64,
    pub(crate) repetition: u32,
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Lapwing on this machine.
    Local,
    /// Lapwing on YARN.
    Yarn,
    /// The same program as iterated MapReduce.
    MapReduce,
    /// A MapReduce job that does nothing.
    Idle,
    /// Spark MLlib on YARN.
    Spark,
    /// One thread, no framework.
    Bare,
    /// Vowpal Wabbit, one machine.
    Wabbit,
}

/// An input, here and in HDFS.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub(crate) local: PathBuf,
    pub(crate) remote: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) columns: u32,
    pub(crate) stored: u64,
    pub(crate) split_size: u64,
}

/// Iterations after which Spark's objective is the one to reach.
pub(crate) const SPARK_ITERATIONS: u32 = 30;
/// Passes of a whole job.
pub(crate) const PASSES: u32 = 20;
/// The numbers of splits whose models are averaged.
pub(crate) const SPLITS: [u32; 5] = [1, 2, 4, 8, 64];

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "Lapwing, local",
            Self::Yarn => "Lapwing",
            Self::MapReduce => "iterated MapReduce",
            Self::Idle => "MapReduce doing nothing",
            Self::Spark => "Spark MLlib",
            Self::Bare => "bare loop",
            Self::Wabbit => "Vowpal Wabbit",
        }
    }

    pub(crate) fn on_cluster(self) -> bool {
        matches!(self, Self::Yarn | Self::MapReduce | Self::Idle | Self::Spark)
    }
}

impl Run {
    /// What names it in the journal: all that its result depends on.
    pub(crate) fn key(&self) -> String {
        let Self { part, engine, algorithm, workers, splits, passes, rows, repetition, .. } = self;
        format!(
            "{part}/{engine:?}/{algorithm}/{rows} rows/{workers} workers/{splits} splits/{passes} passes/{repetition}"
        )
    }
}

/// All runs. `sizes` are the data sets, the largest last.
pub(crate) fn runs(flags: &Flags, sizes: &[Data], cores: u32) -> Vec<Run> {
    let largest = sizes.len() - 1;
    let (mut runs, rows) = (Vec::new(), sizes[largest].rows);
    let base = Run {
        part: "splits",
        engine: Engine::Local,
        algorithm: "sgd",
        workers: cores,
        splits: 0,
        passes: PASSES,
        data: largest,
        rows,
        repetition: 1,
    };
    for splits in SPLITS {
        for workers in [1, cores.max(2)] {
            runs.push(Run { splits, workers, ..base.clone() });
        }
    }
    // MapReduce's 20 passes take minutes; the quick run makes fewer and says so.
    let (repetitions, mapreduce) = if flags.quick { (2, 2) } else { (flags.repetitions, PASSES) };
    for repetition in 1..=repetitions {
        let engines = [
            (Engine::Yarn, "sgd", PASSES),
            (Engine::MapReduce, "sgd", if repetition == 1 { mapreduce } else { 2 }),
            (Engine::Idle, "sgd", 1),
            (Engine::Bare, "sgd", PASSES),
            (Engine::Yarn, "lbfgs", 3 * PASSES),
            (Engine::Spark, "lbfgs", SPARK_ITERATIONS),
            (Engine::Bare, "lbfgs", 2 * PASSES),
            (Engine::Wabbit, "lbfgs", SPARK_ITERATIONS),
        ];
        for (engine, algorithm, passes) in engines {
            runs.push(Run { part: "engines", engine, algorithm, passes, repetition, ..base.clone() });
        }
        let eight = Run { part: "eight workers", workers: 8, splits: 8, repetition, ..base.clone() };
        runs.push(Run { engine: Engine::Yarn, ..eight.clone() });
        runs.push(Run { engine: Engine::Yarn, algorithm: "lbfgs", ..eight });
        let mut workers = 1;
        while workers <= 2 * cores {
            for algorithm in ["sgd", "lbfgs"] {
                // As many splits as the most workers, for each number of them.
                let splits = 2 * cores.next_power_of_two();
                runs.push(Run { part: "speed-up", algorithm, workers, splits, repetition, ..base.clone() });
            }
            workers *= 2;
        }
    }
    for (data, size) in sizes.iter().enumerate() {
        let grown = Run { part: "growth", data, rows: size.rows, ..base.clone() };
        runs.push(Run { engine: Engine::Yarn, ..grown.clone() });
        runs.push(Run { engine: Engine::Bare, ..grown.clone() });
        if !flags.quick || data == 0 {
            runs.push(Run { engine: Engine::Spark, algorithm: "lbfgs", passes: 10, ..grown.clone() });
            runs.push(Run { engine: Engine::MapReduce, passes: 2, ..grown });
        }
    }
    runs
}

//! The sections of the report: one question each, its words and its plot.

use std::fmt::Write as _;

use anyhow::Result;

use crate::journal::{Measurement, PassTime, median};
use crate::plan::{PASSES, SPARK_ITERATIONS, SPLITS};
use crate::plots::{self, Axes, Line};
use crate::tables::{of, seconds};

/// A section: a heading, words above the plot, the plot.
pub(crate) struct Section {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) words: String,
    pub(crate) plot: Option<String>,
}

/// All of them, in the order of the page.
pub(crate) fn sections(all: &[Measurement], cores: u32) -> Result<Vec<Section>> {
    Ok(vec![
        splits(all)?,
        objectives(all)?,
        eight(all)?,
        engines(all)?,
        speed_up(all, cores)?,
        growth(all)?,
        bytes(all)?,
    ])
}

fn splits(all: &[Measurement]) -> Result<Section> {
    let of_splits = |splits: u32| {
        let fits = move |m: &&Measurement| m.part == "splits" && m.splits == splits && m.error.is_none();
        all.iter().filter(fits)
    };
    let line = |&splits: &u32| Line {
        name: format!("{splits} {}", if splits == 1 { "split" } else { "splits" }),
        points: of_splits(splits).next().map_or(Vec::new(), |m| objective_over_passes(&m.passes)),
    };
    let axes = Axes { x: "pass", y: "objective", log_x: false, log_y: false };
    let plot = plots::lines(axes, &SPLITS.iter().map(line).collect::<Vec<_>>())?;
    let mut words = "Parallel SGD averages one model per split, so the number of splits is part of the experiment. The number of workers is not: final states by their digests, for each number of splits: ".to_owned();
    for splits in SPLITS {
        let mut digests: Vec<&str> = of_splits(splits).filter_map(|m| m.digest.as_deref()).collect();
        let mut workers: Vec<String> = of_splits(splits).map(|m| m.workers.to_string()).collect();
        workers.dedup();
        digests.sort_unstable();
        digests.dedup();
        let same = match digests.len() {
            0 => "not measured".to_owned(),
            1 => format!(
                "{} with {} workers alike",
                &digests[0][..8.min(digests[0].len())],
                workers.join(" and ")
            ),
            more => format!("{more} DIFFERENT digests"),
        };
        let _ = write!(words, "{splits}: {same}; ");
    }
    let words = words.trim_end_matches("; ").to_owned() + ".";
    Ok(Section { file: "splits", title: "Objective over passes, for 1 to 64 splits", words, plot })
}

fn objectives(all: &[Measurement]) -> Result<Section> {
    let mut lines = Vec::new();
    for (engine, algorithm) in [
        ("Lapwing", "lbfgs"),
        ("Spark MLlib", "lbfgs"),
        ("bare loop", "lbfgs"),
        ("Lapwing", "sgd"),
        ("iterated MapReduce", "sgd"),
        ("bare loop", "sgd"),
        ("Vowpal Wabbit", "lbfgs"),
    ] {
        if let Some(m) = of(all, engine, algorithm).first() {
            let point = |pass: &PassTime| Some((pass.at, pass.objective?));
            lines.push(Line {
                name: format!("{engine}, {algorithm}"),
                points: m.passes.iter().filter_map(point).collect(),
            });
        }
    }
    let axes = Axes { x: "seconds from submission", y: "objective", log_x: true, log_y: false };
    let words = format!(
        "First repetition. The objective is the mean logistic loss and l2/2 of the squared weights; a pass finds that of the model which went into it. A line begins when the first pass is complete: before that lies what an engine needs to start and to load. Spark tells the objectives of its {SPARK_ITERATIONS} iterations; where its searches took more evaluations, these are taken to be its first ones. Vowpal Wabbit's one point is its end."
    );
    Ok(Section {
        file: "objective",
        title: "Objective over seconds, from submission",
        words,
        plot: plots::lines(axes, &lines)?,
    })
}

fn eight(all: &[Measurement]) -> Result<Section> {
    let mut stacks = Vec::new();
    let mut words = "Lapwing on YARN. The whole job divided by its passes, so that starting and loading, which happen once, have their share".to_owned();
    for algorithm in ["sgd", "lbfgs"] {
        let fits =
            |m: &&Measurement| m.part == "eight workers" && m.algorithm == algorithm && m.error.is_none();
        let Some(m) = all.iter().find(fits) else { continue };
        let passes = m.passes.len().max(1) as f64;
        let compute: f64 = m.passes.iter().map(|pass| pass.compute_seconds).sum();
        let total: f64 = m.passes.iter().map(|pass| pass.seconds).sum();
        let parts = vec![
            m.start_seconds / passes,
            m.load_seconds / passes,
            compute / passes,
            (total - compute) / passes,
        ];
        let _ = write!(
            words,
            "; {algorithm}: {} to start, {} to load, {} to compute, {} to synchronise",
            seconds(Some(parts[0])),
            seconds(Some(parts[1])),
            seconds(Some(parts[2])),
            seconds(Some(parts[3]))
        );
        stacks.push((algorithm.to_owned(), parts));
    }
    words.push_str(". Eight workers on fewer cores share them: see the speed-up.");
    let plot = plots::stacks("seconds per pass", &["start-up", "load", "compute", "synchronise"], &stacks)?;
    Ok(Section { file: "eight", title: "A pass on eight workers", words, plot })
}

fn engines(all: &[Measurement]) -> Result<Section> {
    let mut stacks = Vec::new();
    for (engine, algorithm) in [
        ("Lapwing", "sgd"),
        ("iterated MapReduce", "sgd"),
        ("bare loop", "sgd"),
        ("Lapwing", "lbfgs"),
        ("Spark MLlib", "lbfgs"),
        ("bare loop", "lbfgs"),
    ] {
        let middle = |figure: &dyn Fn(&Measurement) -> f64| {
            let values: Vec<f64> = of(all, engine, algorithm).into_iter().map(figure).collect();
            median(&values)
        };
        let pass = |m: &Measurement| f64::from(PASSES) * m.pass().unwrap_or(0.0);
        let parts = (middle(&|m| m.start_seconds), middle(&|m| m.load_seconds), middle(&pass));
        if let (Some(start), Some(load), Some(passes)) = parts {
            let engine = engine.replace("iterated MapReduce", "MapReduce");
            stacks.push((format!("{engine}, {algorithm}"), vec![start, load, passes]));
        }
    }
    let words = format!(
        "Medians over the repetitions; the passes are {PASSES} times the median one. MapReduce loads in each pass: its \"load\" is the job that counts rows and columns."
    );
    let plot = plots::stacks("seconds", &["start-up", "load", "20 passes"], &stacks)?;
    Ok(Section { file: "engines", title: "Where the time of a job of 20 passes goes", words, plot })
}

fn speed_up(all: &[Measurement], cores: u32) -> Result<Section> {
    let mut lines = Vec::new();
    let mut most = 1u32;
    for algorithm in ["sgd", "lbfgs"] {
        let time = |workers: u32| {
            let fits = |m: &&Measurement| {
                m.part == "speed-up" && m.algorithm == algorithm && m.workers == workers && m.error.is_none()
            };
            median(&all.iter().filter(fits).filter_map(Measurement::pass).collect::<Vec<_>>())
        };
        let Some(alone) = time(1) else { continue };
        let workers = (0..12).map(|power| 1u32 << power);
        let points: Vec<(f64, f64)> =
            workers.filter_map(|workers| Some((f64::from(workers), alone / time(workers)?))).collect();
        most = points.iter().map(|point| point.0 as u32).fold(most, u32::max);
        lines.push(Line { name: algorithm.to_owned(), points });
    }
    lines.push(Line {
        name: "as many times as workers".to_owned(),
        points: [1, cores].iter().map(|&n| (f64::from(n), f64::from(n))).collect(),
    });
    if most > cores {
        let top = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
        let edge = f64::from(cores);
        lines.push(Line {
            name: "more workers than cores, right of here".to_owned(),
            points: vec![(edge, 0.8), (edge, top)],
        });
    }
    let axes = Axes { x: "workers", y: "times as fast as one", log_x: false, log_y: false };
    let words = format!(
        "Lapwing on this machine, which has {cores} cores: right of the upright line it is oversubscribed, and nothing is to be gained."
    );
    Ok(Section { file: "speed-up", title: "Speed-up over workers", words, plot: plots::lines(axes, &lines)? })
}

fn growth(all: &[Measurement]) -> Result<Section> {
    let mut lines = Vec::new();
    for (engine, algorithm) in
        [("Lapwing", "sgd"), ("iterated MapReduce", "sgd"), ("Spark MLlib", "lbfgs"), ("bare loop", "sgd")]
    {
        let fits = |m: &&Measurement| {
            ["growth", "engines"].contains(&m.part.as_str())
                && m.engine == engine
                && m.algorithm == algorithm
                && m.error.is_none()
        };
        let mut rows: Vec<u64> = all.iter().filter(fits).map(|m| m.rows).collect();
        rows.sort_unstable();
        rows.dedup();
        let time = |&rows: &u64| {
            let of_size = all.iter().filter(fits).filter(|m| m.rows == rows);
            Some((rows as f64, median(&of_size.filter_map(Measurement::pass).collect::<Vec<_>>())?))
        };
        lines.push(Line {
            name: format!("{engine}, {algorithm}"),
            points: rows.iter().filter_map(time).collect(),
        });
    }
    let axes = Axes { x: "rows", y: "seconds per pass", log_x: false, log_y: true };
    let words = one_machine(all);
    Ok(Section {
        file: "growth",
        title: "Time per pass as the data grows",
        words,
        plot: plots::lines(axes, &lines)?,
    })
}

/// Up to which number of passes one thread without any framework has finished first.
fn one_machine(all: &[Measurement]) -> String {
    let fit = |engine: &str, algorithm: &str| {
        let runs = of(all, engine, algorithm);
        let first = median(&runs.iter().filter_map(|m| m.after(1)).collect::<Vec<_>>())?;
        Some((first, median(&runs.iter().filter_map(|m| m.pass()).collect::<Vec<_>>())?))
    };
    let mut words = "One machine would have been enough: ".to_owned();
    for algorithm in ["sgd", "lbfgs"] {
        let (Some((ours, our_pass)), Some((bare, bare_pass))) =
            (fit("Lapwing", algorithm), fit("bare loop", algorithm))
        else {
            continue;
        };
        let _ = if bare >= ours {
            write!(words, "for {algorithm} at no number of passes; ")
        } else if bare_pass <= our_pass {
            write!(words, "for {algorithm} at any number of passes on data of this size; ")
        } else {
            let passes = 1.0 + (ours - bare) / (bare_pass - our_pass);
            write!(
                words,
                "for {algorithm} on data of this size up to about {passes:.0} passes, the bare loop is done before Lapwing; "
            )
        };
    }
    words.trim_end_matches("; ").to_owned()
        + ", by medians of the first pass's end and of a pass. The whole input must fit that machine's memory."
}

fn bytes(all: &[Measurement]) -> Result<Section> {
    let mut stacks = Vec::new();
    for (engine, algorithm) in
        [("Lapwing", "sgd"), ("iterated MapReduce", "sgd"), ("Lapwing", "lbfgs"), ("Spark MLlib", "lbfgs")]
    {
        // Each of its rounds reads all: the count before and the objective after, too.
        let more = if engine == "iterated MapReduce" { 2.0 } else { 0.0 };
        let per_pass = |m: &&Measurement| {
            Some(m.hdfs_bytes? as f64 / (m.passes.len() as f64 + more) / f64::from(1 << 20))
        };
        let values: Vec<f64> = of(all, engine, algorithm).iter().filter_map(per_pass).collect();
        if let Some(value) = median(&values) {
            stacks.push((format!("{engine}, {algorithm}"), vec![value]));
        }
    }
    let words = "What the DataNodes sent, checksums and the programs' files included, divided by the passes made. The others read the input once; iterated MapReduce reads it in each job, also in the count before and the look at the final objective, which are counted as passes here.".to_owned();
    let plot = plots::stacks("MiB per pass", &["read from HDFS"], &stacks)?;
    Ok(Section { file: "bytes", title: "Bytes read from HDFS per pass", words, plot })
}

fn objective_over_passes(passes: &[PassTime]) -> Vec<(f64, f64)> {
    (1..).zip(passes).filter_map(|(pass, time)| Some((f64::from(pass), time.objective?))).collect()
}

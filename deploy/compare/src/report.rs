//! `report.html`: the figures, then one plot per question. It holds everything, the plots too.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Measurement, median};
use crate::plan::Data;
use crate::sections::{Section, sections};
use crate::tables::{self, of, seconds};

/// Where and on what it was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) machine: String,
    pub(crate) cores: u32,
    pub(crate) place: String,
    pub(crate) versions: String,
    pub(crate) command: String,
    pub(crate) memory_mb: u32,
    pub(crate) l2: f64,
}

/// Writes the page, the plots and the CSV into a folder.
pub(crate) fn write(folder: &Path, all: &[Measurement], data: &Data, setting: &Setting) -> Result<()> {
    let sections = sections(all, setting.cores)?;
    for section in &sections {
        if let Some(plot) = &section.plot {
            put(folder, &format!("{}.svg", section.file), plot)?;
        }
    }
    put(folder, "measurements.csv", &tables::csv(all))?;
    put(folder, "report.html", &page(all, &sections, data, setting))?;
    put(folder, "results.md", &markdown(all, &sections, data, setting))
}

/// The same for a repository: text, with the plots beside it.
fn markdown(all: &[Measurement], sections: &[Section], data: &Data, setting: &Setting) -> String {
    let mut text =
        String::from("# The same job under iterated MapReduce, under Spark, and under Lapwing\n\n");
    let Setting { machine, cores, place, versions, command, memory_mb, l2 } = setting;
    let Data { rows: count, columns, stored, bytes, .. } = data;
    let megabytes = *bytes as f64 / 1e6;
    let _ = write!(
        text,
        "{count} rows, {columns} columns, {stored} numbers, {megabytes:.0} MB of LibSVM text. {cores} workers of one core and {memory_mb} MiB each; l2 = {l2}.\n\n- Command: `{command}`\n- Machine: {machine}; {cores} cores\n- Hadoop: {place}\n- Versions: {versions}\n"
    );
    text.push_str("\n## Ratios\n\n| what | Lapwing, or the first named | the other | ratio | wanted | met |\n|---|---|---|---|---|---|\n");
    for ratio in tables::ratios(all, setting.cores) {
        let (value, met) = match ratio.ratio {
            Some(value) => (format!("{value:.2}"), if ratio.wanted.met(value) { "yes" } else { "**no**" }),
            None => ("not measured".to_owned(), "-"),
        };
        let tables::Ratio { what, ours, theirs, wanted, .. } = ratio;
        let _ = writeln!(text, "| {what} | {ours} | {theirs} | {value} | {wanted} | {met} |");
    }
    text.push_str("\n## Engines\n\n| engine | algorithm | runs | start-up | load | pass | whole | objective | load average |\n|---|---|---|---|---|---|---|---|---|\n");
    for row in rows(all) {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    let _ = write!(text, "\n{MEDIANS}\n\n## Where the others are not worse\n\n");
    for line in tables::not_worse(all) {
        let _ = writeln!(text, "- {line}");
    }
    for section in sections {
        let _ = write!(text, "\n## {}\n\n{}\n", section.title, section.words);
        if section.plot.is_some() {
            let _ = write!(text, "\n![{}]({}.svg)\n", section.title, section.file);
        }
    }
    text.push_str("\n## What was made equal, and what could not be\n\n");
    for line in EQUAL {
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// A row of the table of engines for each that was measured.
fn rows(all: &[Measurement]) -> Vec<Vec<String>> {
    let row = |&(engine, algorithm): &(&str, &str)| {
        let runs = of(all, engine, algorithm);
        let middle = |figure: &dyn Fn(&Measurement) -> Option<f64>| {
            median(&runs.iter().filter_map(|m| figure(m)).collect::<Vec<_>>())
        };
        (!runs.is_empty()).then(|| {
            vec![
                engine.to_owned(),
                algorithm.to_owned(),
                runs.len().to_string(),
                seconds(middle(&|m| Some(m.start_seconds))),
                seconds(middle(&|m| Some(m.load_seconds))),
                seconds(middle(&Measurement::pass)),
                seconds(middle(&|m| Some(m.seconds))),
                middle(&|m| m.objective).map_or("-".to_owned(), |value| format!("{value:.6}")),
                format!("{:.1}", middle(&|m| Some(m.busy)).unwrap_or(0.0)),
            ]
        })
    };
    ENGINES.iter().filter_map(row).collect()
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn page(all: &[Measurement], sections: &[Section], data: &Data, setting: &Setting) -> String {
    let mut html = String::from(HEAD);
    let _ = write!(
        html,
        "<h1>The same job under iterated MapReduce, under Spark, and under Lapwing</h1>\n<p>{} rows, {} columns, {} numbers, {:.0} MB of LibSVM text. {} workers of one core and {} MiB each; l2 = {}. Machine: {}; {} cores. Hadoop: {}. Versions: {}.</p>\n<p><code>{}</code></p>\n",
        data.rows,
        data.columns,
        data.stored,
        data.bytes as f64 / 1e6,
        setting.cores,
        setting.memory_mb,
        setting.l2,
        escape(&setting.machine),
        setting.cores,
        escape(&setting.place),
        escape(&setting.versions),
        escape(&setting.command),
    );
    html.push_str("<h2>Ratios</h2>\n<table><tr><th>what<th>Lapwing, or the first named<th>the other<th>ratio<th>wanted<th>met</tr>\n");
    for ratio in tables::ratios(all, setting.cores) {
        let (value, met) = match ratio.ratio {
            Some(value) => (format!("{value:.2}"), if ratio.wanted.met(value) { "yes" } else { "<b>no</b>" }),
            None => ("not measured".to_owned(), "-"),
        };
        let _ = writeln!(
            html,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{value}<td class=n>{}<td class=n>{met}</tr>",
            escape(&ratio.what),
            ratio.ours,
            ratio.theirs,
            ratio.wanted
        );
    }
    html.push_str("</table>\n<h2>Engines</h2>\n<table><tr><th>engine<th>algorithm<th>runs<th>start-up<th>load<th>pass<th>whole<th>objective<th>load average</tr>\n");
    for row in rows(all) {
        let (names, figures) = row.split_at(2);
        let _ =
            writeln!(html, "<tr><td>{}<td class=n>{}</tr>", names.join("<td>"), figures.join("<td class=n>"));
    }
    let _ = write!(html, "</table>\n<p>{MEDIANS}</p>\n<h2>Where the others are not worse</h2>\n<ul>\n");
    for line in tables::not_worse(all) {
        let _ = writeln!(html, "<li>{}</li>", escape(&line));
    }
    html.push_str("</ul>\n");
    let failed: Vec<&Measurement> = all.iter().filter(|m| m.error.is_some()).collect();
    if !failed.is_empty() {
        html.push_str("<h2>Not measured</h2>\n<ul>\n");
        for m in failed {
            let _ =
                writeln!(html, "<li>{}: {}</li>", escape(&m.key), escape(m.error.as_deref().unwrap_or("")));
        }
        html.push_str("</ul>\n");
    }
    for section in sections {
        let plot = section.plot.as_deref().unwrap_or("<p>(not measured)</p>");
        let _ = write!(
            html,
            "<h2>{}</h2>\n<p>{}</p>\n<figure>{plot}</figure>\n",
            section.title,
            escape(&section.words)
        );
    }
    html.push_str("<h2>What was made equal, and what could not be</h2>\n<ul>\n");
    for line in EQUAL {
        let _ = writeln!(html, "<li>{}</li>", escape(line));
    }
    html.push_str("</ul>\n</main></html>\n");
    html
}

const ENGINES: [(&str, &str); 8] = [
    ("Lapwing", "sgd"),
    ("iterated MapReduce", "sgd"),
    ("MapReduce doing nothing", "sgd"),
    ("bare loop", "sgd"),
    ("Lapwing", "lbfgs"),
    ("Spark MLlib", "lbfgs"),
    ("bare loop", "lbfgs"),
    ("Vowpal Wabbit", "lbfgs"),
];

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Lapwing: the comparison</title>\n<style>body{font:16px/1.5 sans-serif;color:#222;margin:0}main{max-width:62rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}table{border-collapse:collapse;font-size:.9rem}th,td{border-bottom:1px solid #ddd;padding:.3rem .7rem;text-align:left;vertical-align:top}.n{text-align:right;white-space:nowrap}figure{margin:0;overflow-x:auto}code{background:#f4f4f4;padding:.1rem .3rem}</style>\n<main>\n";

const EQUAL: [&str; 6] = [
    "Equal: the input, the loss, the penalty, an intercept that is not penalised, no standardisation; workers of one core with containers of the same memory; the same YARN. Spark's heap is what is left of its container beside its overhead.",
    "Iterated MapReduce runs the very same program: the model has the same bits. Each of its jobs needs a master and a reduce task beside the map tasks; these containers are in addition.",
    "Spark gets one partition per core, its data is cached, and its passes count from one evaluation's end to the next one's, without its start, its load and its end. It computes in doubles, Lapwing and the bare loop in singles with sums in doubles.",
    "SGD's bare loop has one model where Lapwing averages one per split, so their objectives differ. Both L-BFGS differ in their line search: passes are compared, and the time to the same objective.",
    "The bare loop and Vowpal Wabbit read a local file, the others HDFS.",
    "In a lab all nodes share one machine: the network costs nothing, and daemons take from the same cores.",
];

const MEDIANS: &str = "Medians over the runs, which alternate. The load average is the machine's when a run began: above the number of cores the machine was busy with other things, and only ratios count.";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

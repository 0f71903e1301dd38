//! `--dry-run`: the plan of a job in words.

use std::fmt::Write;

use lapwing_container::algorithm::Algorithm;
use lapwing_container::load::packed::Packing;
use lapwing_container::load::{Format, Load};
use lapwing_container::split::Split;

use crate::binary;
use crate::cluster::{Cluster, room};
use crate::error::{Failure, Kind};
use crate::flags::{Bytes, JobArgs, Master};
use crate::job::Job;
use crate::mapreduce;
use crate::splits;

/// Bytes of the first split that are loaded to see how much memory data takes.
const SAMPLE: u64 = 1 << 20;

/// What would run where, and how much memory it would take.
pub(crate) fn describe<A: Algorithm>(
    job: &Job,
    args: &JobArgs,
    cluster: Option<&Cluster>,
) -> Result<String, Failure> {
    let input = job.input_bytes();
    let factor = sample::<A>(job)?;
    let resident = |bytes: u64| (bytes as f64 * factor) as u64;
    let mut text = String::new();
    let mut files: Vec<_> =
        job.splits.iter().flat_map(|split| &split.ranges).map(|range| &range.path).collect();
    files.dedup();
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "{what:<10}{value}");
    };
    let uncut = match splits::uncut(&job.splits) {
        0 => String::new(),
        packed => format!(", {packed} of them packed and each in one split whole"),
    };
    line("input", format!("{} in {} files{uncut}", Bytes(input), files.len()));
    let sizes = || job.splits.iter().map(Split::bytes);
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
    line("splits", format!("{} of {} to {}", job.splits.len(), Bytes(least), Bytes(most)));
    let mapreduce = args.master == Master::MapReduce;
    let cores = job.worker_cores;
    let kind = if mapreduce { "map tasks" } else { "workers" };
    line(kind, format!("{} with {cores} cores and {} each", job.workers, args.worker_memory));
    let mut largest = 0;
    for (worker, seat) in job.seats().into_iter().enumerate() {
        let bytes: u64 = job.splits[seat.start as usize..seat.end as usize].iter().map(Split::bytes).sum();
        largest = largest.max(resident(bytes));
        if mapreduce {
            continue;
        }
        let (first, last, data) = (seat.start, seat.end - 1, Bytes(resident(bytes)));
        // Where its container is asked for.
        let best = job.placed(seat).hosts.into_iter().max_by_key(|(_, bytes)| *bytes);
        let best = best.map_or(String::new(), |(host, bytes)| format!(", {} of it on {host}", Bytes(bytes)));
        line(
            &format!("worker {worker}"),
            format!("splits {first} to {last}, {}{best}, about {data} in memory", Bytes(bytes)),
        );
    }
    let memory =
        format!("about {} of data in all, {} in the largest worker", Bytes(resident(input)), Bytes(largest));
    line("memory", memory);
    if largest > args.worker_memory.0 {
        line(
            "",
            format!(
                "more than --worker-memory {}: more workers, or more memory, are needed",
                args.worker_memory
            ),
        );
    }
    if let Some(machine) = machine_memory() {
        let fits = if resident(input) < machine / 2 { "would do" } else { "is too small" };
        line("machine", format!("one machine like this, with {}, {fits}", Bytes(machine)));
    }
    if let Some(cluster) = cluster {
        if !mapreduce {
            let asked = u64::from(job.workers) * args.worker_memory.0 + args.master_memory.0;
            line("asked for", format!("{} in {} containers", Bytes(asked), job.workers + 1));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
        let path = args.binary.clone().map_or_else(std::env::current_exe, Ok);
        let path = path.map_err(|error| Failure::cluster("finding this program", error))?;
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))?;
        let needs = match binary::check(&path, &bytes)?.glibc {
            Some((major, minor)) => format!("needs nodes with the C library {major}.{minor} or newer"),
            None => "needs no C library".to_owned(),
        };
        line("program", format!("{} of {}, {needs}", Bytes(bytes.len() as u64), path.display()));
        if mapreduce {
            for (what, value) in mapreduce::describe(job, args, cluster)? {
                line(what, value);
            }
        }
        line("room", runtime.block_on(room(&cluster.manager, &args.queue)));
    }
    Ok(text.trim_end().to_owned())
}

/// Bytes in memory per byte of input, from the beginning of the first split.
fn sample<A: Algorithm>(job: &Job) -> Result<f64, Failure> {
    let Some(mut range) = job.splits.iter().flat_map(|split| &split.ranges).next().cloned() else {
        return Ok(1.0);
    };
    // A packed file is read whole, and of Parquet a part may be without rows.
    if Packing::of(&range.path).is_none() && job.load.format != Format::Parquet {
        range.length = range.length.min(SAMPLE);
    }
    let split = Split { number: 0, ranges: vec![range] };
    let loaded =
        A::Data::load(&split, &job.load).map_err(|error| Failure::new(Kind::Input, error.to_string()))?;
    Ok(loaded.1.resident_bytes as f64 / loaded.1.bytes_read.max(1) as f64)
}

fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    kib.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

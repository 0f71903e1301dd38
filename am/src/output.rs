//! The output directory: `model.npz` and `model.json` (the promise of equal bits is about these two), the report, `_SUCCESS`.
//! It appears by one rename, whole or not at all.

use std::io::{self, Cursor, Read, Write};

use lapwing_container::files::Files;
use lapwing_container::load::LoadOptions;
use lapwing_container::model::{Array, Model, PointModel, Values};
use npyz::{NpyFile, WriterBuilder};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::report::JobReport;

/// No model that is read may be longer. Bytes.
const MODEL_CAP: u64 = 4 << 30;

/// The last file of an output: whose it is, and the summary of the job.
const SUMMARY: &str = "_report/summary.json";

/// No summary is longer. Bytes.
const SUMMARY_CAP: u64 = 64 << 20;

#[derive(serde::Serialize, serde::Deserialize)]
struct Signed {
    job: u64,
    summary: JobReport,
}

/// Writes a model and its report to a directory beside the final one.
pub(crate) fn write(directory: &str, job: &Job, model: &Model, report: &[String]) -> Result<(), Failure> {
    write_parts(&beside(directory, job.id), job, model, report)
        .map_err(|error| failed(directory, job, &error))
}

/// The same for the models of a sweep: a folder for each, with its own part of the report.
pub(crate) fn write_all(
    directory: &str,
    job: &Job,
    models: &[PointModel],
    report: &[String],
) -> Result<(), Failure> {
    let part = beside(directory, job.id);
    let write = || {
        write_report(&part, report)?;
        for PointModel { name, arguments, model } in models {
            let own = Job { arguments: arguments.clone(), ..job.clone() };
            let lines: Vec<String> = report.iter().filter_map(|line| report_of(line, name)).collect();
            write_parts(&format!("{part}/{name}"), &own, model, &lines)?;
        }
        Ok(())
    };
    write().map_err(|error| failed(directory, job, &error))
}

/// One point's share of a line of a sweep's report; none if it had come to its end before.
fn report_of(line: &str, name: &str) -> Option<String> {
    let mut line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    let sweep = line.remove("sweep")?;
    let point = sweep.as_array()?.iter().find(|point| point["name"] == name)?.as_object()?;
    if point["passes"].as_u64() < line["pass"].as_u64() {
        return None;
    }
    line.extend(
        point
            .iter()
            .filter(|(key, _)| !["name", "passes"].contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone())),
    );
    serde_json::to_string(&line).ok()
}

/// Puts the summary beside the report.
pub(crate) fn sign(directory: &str, job: &Job, summary: &JobReport) -> Result<(), Failure> {
    let signed = Signed { job: job.id, summary: summary.clone() };
    let bytes = serde_json::to_vec(&signed).expect("a summary is plain data");
    let write = || {
        let (files, complete) = (Files::of(directory)?.0, beside(directory, job.id));
        files.write(&format!("{}/{SUMMARY}", Files::of(&complete)?.1), &bytes, 0o644)
    };
    write().map_err(|error| failed(directory, job, &error))
}

/// The summary of this very job, if its output is complete: a master before this one was lost after that.
pub(crate) fn finished(job: &Job) -> Option<JobReport> {
    let (files, directory) = Files::of(job.output.as_deref()?).ok()?;
    files.status(&format!("{directory}/_SUCCESS")).ok()??;
    let bytes = files.read(&format!("{directory}/{SUMMARY}"), SUMMARY_CAP).ok()?;
    let signed: Signed = serde_json::from_slice(&bytes).ok()?;
    (signed.job == job.id).then_some(signed.summary)
}

/// Gives the complete directory beside the output its final name. An output that is replaced is kept until then.
pub(crate) fn commit(directory: &str, job: &Job) -> Result<(), Failure> {
    let uri = beside(directory, job.id);
    let rename = || {
        let (files, directory) = Files::of(directory)?;
        let (_, complete) = Files::of(&uri)?;
        // What a worker that died left half-written.
        for entry in files.list(complete)?.iter().filter(|entry| entry.path.contains("/_part-")) {
            files.remove(Files::of(&entry.path)?.1)?;
        }
        files.write(&format!("{complete}/_SUCCESS"), b"", 0o644)?;
        if files.status(directory)?.is_none() {
            return files.rename(complete, directory);
        }
        if !job.overwrite {
            // A rename would go over or into it.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let old = format!("{complete}.old");
        files.rename(directory, &old)?;
        files.rename(complete, directory).inspect_err(|_| {
            let _ = files.rename(&old, directory);
        })?;
        files.remove(&old)
    };
    if job.overwrite {
        check(directory, true)?;
    }
    let failed =
        |error| Failure::cluster(format!("giving the complete output {uri} its name {directory}"), error);
    rename().map_err(failed)
}

/// Removes what the complete output has replaced, if the master that replaced it did not get so far.
pub(crate) fn forget_replaced(job: &Job) {
    if let Some(directory) = &job.output {
        let _ = Files::remove_at(&format!("{}.old", beside(directory, job.id)));
    }
}

/// Removes what a job that failed left beside its output; what is complete and merely lacks its name stays.
pub(crate) fn discard(job: &Job) {
    let remove = |part: String| {
        let (files, part) = Files::of(&part)?;
        match files.status(&format!("{part}/_SUCCESS"))? {
            Some(_) => Ok(()),
            None => files.remove(part),
        }
    };
    if let Some(directory) = &job.output {
        let _: io::Result<()> = remove(beside(directory, job.id));
    }
}

/// Refuses an output that cannot be written, before any work is done.
pub(crate) fn try_out(job: &Job) -> Result<(), Failure> {
    let write = |part: String| {
        let (files, part) = Files::of(&part)?;
        files.create_directory(part).and_then(|()| files.remove(part))
    };
    let Some(directory) = &job.output else { return Ok(()) };
    let failed = |error: io::Error| {
        Failure::new(Kind::Input, format!("the output {directory} cannot be written: {error}"))
    };
    write(beside(directory, job.id)).map_err(failed)
}

/// Refuses an output that exists, before any work is done.
pub(crate) fn check(directory: &str, overwrite: bool) -> Result<(), Failure> {
    let look = || {
        let (files, path) = Files::of(directory)?;
        let Some(status) = files.status(path)? else { return Ok(None) };
        // Hadoop and Spark leave a _SUCCESS too: a directory is a job's if it holds the summary that a job has signed.
        let signed = || files.read(&format!("{path}/{SUMMARY}"), SUMMARY_CAP);
        let ours = || signed().is_ok_and(|bytes| serde_json::from_slice::<Signed>(&bytes).is_ok());
        Ok(Some(status.directory && (files.list(path)?.is_empty() || ours())))
    };
    let found: io::Result<Option<bool>> = look();
    let text = match found.map_err(|error| Failure::cluster(format!("the output {directory}"), error))? {
        Some(_) if !overwrite => "remove it, or say --overwrite",
        Some(false) => "it is no output of a job, so --overwrite will not remove it",
        _ => return Ok(()),
    };
    Err(Failure::new(Kind::Input, format!("the output {directory} exists: {text}")))
}

/// Refuses an output in whose place there are files that are read.
pub(crate) fn check_apart<'a>(
    directory: &str,
    mut read: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let plain =
        |uri: &str| Files::of(uri).map_or(uri.to_owned(), |(_, path)| path.trim_end_matches('/').to_owned());
    let directory = plain(directory);
    let within = |path: &&str| {
        let path = plain(path);
        path == directory || path.strip_prefix(&directory).is_some_and(|rest| rest.starts_with('/'))
    };
    match read.find(within) {
        Some(path) => Err(Failure::new(
            Kind::Input,
            format!("the output {directory} would take the place of what is read: {path}"),
        )),
        None => Ok(()),
    }
}

/// Refuses a model of numbers that are none: whoever opens it would not see that the algorithm diverged.
pub(crate) fn check_finite(model: &Model) -> Result<(), Failure> {
    for (name, array) in &model.arrays {
        let finite = match &array.values {
            Values::F32(values) => values.iter().all(|value| value.is_finite()),
            Values::F64(values) => values.iter().all(|value| value.is_finite()),
            Values::I64(_) | Values::U8(_) => true,
        };
        if !finite {
            let text = format!(
                "the model's {name} holds numbers that are infinite or none: did the algorithm diverge, or does the input hold NaN?"
            );
            return Err(Failure::new(Kind::User, text));
        }
    }
    Ok(())
}

/// A name beside the output for what is not yet complete; Hadoop's readers skip what begins with `_`.
pub(crate) fn beside(directory: &str, job: u64) -> String {
    let (parent, name) = directory.trim_end_matches('/').rsplit_once('/').unwrap_or(("", directory));
    format!("{parent}/_{name}.{job:016x}.part")
}

/// Reads a model: an output directory, or a `model.npz`.
pub(crate) fn read(path: &str) -> Result<Model, Failure> {
    let bad = |text: String| Failure::new(Kind::Input, format!("{path}: {text}"));
    let read = || {
        let (files, inside) = Files::of(path)?;
        match files.status(inside)? {
            Some(status) if status.directory => files.read(&format!("{inside}/model.npz"), MODEL_CAP),
            _ => files.read(inside, MODEL_CAP),
        }
    };
    let bytes = read().map_err(|error| bad(error.to_string()))?;
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| bad(format!("expected a model.npz, but it is no zip archive: {error}")))?;
    let mut model = Model::default();
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|error| bad(error.to_string()))?;
        let name = entry.name().map_err(|error| bad(error.to_string()))?.trim_end_matches(".npy").to_owned();
        let array = read_array(entry).map_err(|error| bad(format!("array {name}: {error}")))?;
        model.arrays.insert(name, array);
    }
    Ok(model)
}

/// The columns of a table that a model was trained on, as far as its description tells them.
#[derive(Debug, Default, Clone, serde::Deserialize)]
pub(crate) struct Columns {
    pub(crate) features: Option<Vec<String>>,
    pub(crate) label: Option<String>,
}

/// Those of a model: an output directory, or a `model.npz` in one.
pub(crate) fn columns_of(path: &str) -> Columns {
    let read = || {
        let (files, inside) = Files::of(path)?;
        let directory = inside.strip_suffix("/model.npz").unwrap_or(inside);
        let bytes = files.read(&format!("{directory}/model.json"), SUMMARY_CAP)?;
        let mut description: serde_json::Value = serde_json::from_slice(&bytes)?;
        Ok::<Columns, io::Error>(serde_json::from_value(description["input"].take())?)
    };
    // LibSVM's have no names; a bare model.npz tells none.
    read().unwrap_or_default()
}

fn write_parts(directory: &str, job: &Job, model: &Model, report: &[String]) -> io::Result<()> {
    write_report(directory, report)?;
    let (files, directory) = Files::of(directory)?;
    files.write(&format!("{directory}/model.npz"), &npz(model)?, 0o644)?;
    files.write(&format!("{directory}/model.json"), describe(job, model).as_bytes(), 0o644)
}

/// The report, in a directory that holds nothing else yet.
fn write_report(directory: &str, report: &[String]) -> io::Result<()> {
    let (files, directory) = Files::of(directory)?;
    files.remove(directory)?;
    let mut lines = report.join("\n");
    lines.push('\n');
    files.write(&format!("{directory}/_report/report.jsonl"), lines.as_bytes(), 0o644)
}

fn failed(directory: &str, job: &Job, error: &io::Error) -> Failure {
    discard(job);
    Failure::cluster(format!("writing the output {directory}"), error)
}

/// The arrays as numpy's archive: entries stored, sorted by name, dated 1980-01-01, so that equal models are equal files.
fn npz(model: &Model) -> io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .large_file(true);
    for (name, array) in &model.arrays {
        archive.start_file(format!("{name}.npy"), options)?;
        let mut bytes = Vec::new();
        match &array.values {
            Values::F32(values) => npy(&mut bytes, &array.shape, values),
            Values::F64(values) => npy(&mut bytes, &array.shape, values),
            Values::I64(values) => npy(&mut bytes, &array.shape, values),
            Values::U8(values) => npy(&mut bytes, &array.shape, values),
        }?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn npy<T: npyz::AutoSerialize + Copy>(bytes: &mut Vec<u8>, shape: &[u64], values: &[T]) -> io::Result<()> {
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(bytes).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}

fn read_array(entry: zip::read::ZipFile<'_, Cursor<Vec<u8>>>) -> io::Result<Array> {
    let size = entry.size();
    if size > MODEL_CAP {
        return Err(io::Error::other(format!("{size} bytes are more than the {MODEL_CAP} allowed")));
    }
    // To its end, where the archive's checksum is compared.
    let mut bytes = Vec::new();
    entry.take(size.saturating_add(1)).read_to_end(&mut bytes)?;
    let npy = NpyFile::new(bytes.as_slice())?;
    // The header's claim is held against the bytes that are there, before memory is taken for it.
    if npy.len().saturating_mul(npy.dtype().num_bytes().unwrap_or(1).max(1) as u64) > size {
        return Err(io::Error::other("its header claims more numbers than it holds"));
    }
    let (shape, dtype) = (npy.shape().to_vec(), npy.dtype().descr());
    let values = match dtype.trim_matches('\'') {
        "<f4" => Values::F32(npy.into_vec()?),
        "<f8" => Values::F64(npy.into_vec()?),
        "<i8" => Values::I64(npy.into_vec()?),
        "|u1" => Values::U8(npy.into_vec()?),
        other => {
            return Err(io::Error::other(format!("numbers of type {other}; expected <f4, <f8, <i8 or |u1")));
        }
    };
    Ok(Array { shape, values, meaning: String::new() })
}

/// `model.json`: sorted keys, nothing of time, place or number of workers.
fn describe(job: &Job, model: &Model) -> String {
    let arrays: serde_json::Map<_, _> = model
        .arrays
        .iter()
        .map(|(name, array)| (name.clone(), json!({ "meaning": array.meaning, "shape": array.shape })))
        .collect();
    let mut description = json!({
        "algorithm": job.algorithm,
        "arguments": job.arguments,
        "arrays": arrays,
        "format_version": 1,
        "passes": job.passes,
        "seed": job.seed,
        "splits": job.training,
        "tolerance": job.tolerance,
    });
    // Which columns of a table the model is of, and in which order. How a table is written changes nothing.
    let LoadOptions { features, label, missing, .. } = &job.load;
    if features.is_some() || label.is_some() {
        description["input"] = json!({ "features": features, "label": label, "missing": missing });
    }
    format!("{description:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_output_is_known_again_by_its_own_job_alone() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("model").to_str().unwrap().to_owned();
        let job = Job { id: 7, output: Some(directory.clone()), ..Job::for_test() };
        let report = crate::chronicle::Chronicle::new(std::sync::Arc::new(job.clone()), 1)
            .close(std::time::Duration::ZERO);
        write(&directory, &job, &Model::default(), &["{}".to_owned()]).unwrap();
        assert_eq!(finished(&job), None, "it has not got its name yet");
        sign(&directory, &job, &report).unwrap();
        commit(&directory, &job).unwrap();
        assert_eq!(finished(&job), Some(report));
        assert_eq!(finished(&Job { id: 8, ..job }), None, "another job's");
    }
}

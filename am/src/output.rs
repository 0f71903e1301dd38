//! The output directory: `model.npz` and `model.json` (the promise of equal bits is about these two), the report, `_SUCCESS`.
//! It appears by one rename, whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use lapwing_container::model::{Array, Model, Values};
use npyz::{NpyFile, WriterBuilder};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{Failure, Kind};
use crate::job::Job;

/// No array of a model that is read may be longer. Bytes.
const ARRAY_CAP: u64 = 16 << 30;

/// Writes a model and its report to a directory beside the final one, then renames.
pub(crate) fn write(directory: &Path, job: &Job, model: &Model, report: &[String]) -> Result<(), Failure> {
    write_parts(&beside(directory, job.id), job, model, report)
        .map_err(|error| failed(directory, job, &error))?;
    commit(directory, job)
}

/// Gives the complete directory beside the output its final name.
pub(crate) fn commit(directory: &Path, job: &Job) -> Result<(), Failure> {
    let temporary = beside(directory, job.id);
    put(&temporary.join("_SUCCESS"), b"")
        .and_then(|()| if job.overwrite { remove(directory) } else { Ok(()) })
        .and_then(|()| fs::rename(&temporary, directory))
        .map_err(|error| failed(directory, job, &error))
}

/// Removes what a job that failed left beside its output.
pub(crate) fn discard(job: &Job) {
    if let Some(directory) = &job.output {
        let _ = fs::remove_dir_all(beside(directory, job.id));
    }
}

/// Refuses an output that exists, before any work is done.
pub(crate) fn check(directory: &Path, overwrite: bool) -> Result<(), Failure> {
    let shown = directory.display();
    if directory.exists() && !overwrite {
        return Err(Failure::new(
            Kind::Input,
            format!("the output {shown} exists: remove it, or say --overwrite"),
        ));
    }
    let ours = ["model.json", "_SUCCESS"].iter().any(|file| directory.join(file).exists());
    let empty = || fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if directory.exists() && !ours && !empty() {
        let text = format!(
            "the output {shown} exists and is not an output of a job: --overwrite will not remove it"
        );
        return Err(Failure::new(Kind::Input, text));
    }
    Ok(())
}

/// A name beside the output for what is not yet complete; Hadoop's readers skip what begins with `_`.
pub(crate) fn beside(directory: &Path, job: u64) -> PathBuf {
    let name = directory.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    directory.with_file_name(format!("_{name}.{job:016x}.part"))
}

/// Reads a model: an output directory, or a `model.npz`.
pub(crate) fn read(path: &Path) -> Result<Model, Failure> {
    let path = if path.is_dir() { path.join("model.npz") } else { path.to_owned() };
    let bad = |text: String| Failure::new(Kind::Input, format!("{}: {text}", path.display()));
    let file = File::open(&path).map_err(|error| bad(error.to_string()))?;
    let mut archive = ZipArchive::new(BufReader::new(file))
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

fn write_parts(directory: &Path, job: &Job, model: &Model, report: &[String]) -> io::Result<()> {
    remove(directory)?;
    fs::create_dir_all(directory.join("_report"))?;
    put(&directory.join("model.npz"), &npz(model)?)?;
    put(&directory.join("model.json"), describe(job, model).as_bytes())?;
    let mut lines = report.join("\n");
    lines.push('\n');
    put(&directory.join("_report/report.jsonl"), lines.as_bytes())
}

fn failed(directory: &Path, job: &Job, error: &io::Error) -> Failure {
    discard(job);
    Failure::cluster(format!("writing the output {}", directory.display()), error)
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

fn read_array(entry: zip::read::ZipFile<'_, BufReader<File>>) -> io::Result<Array> {
    let size = entry.size();
    if size > ARRAY_CAP {
        return Err(io::Error::other(format!("{size} bytes are more than the {ARRAY_CAP} allowed")));
    }
    let npy = NpyFile::new(entry.take(size))?;
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
    let description = json!({
        "algorithm": job.algorithm,
        "arguments": job.arguments,
        "arrays": arrays,
        "format_version": 1,
        "passes": job.passes,
        "seed": job.seed,
        "splits": job.splits.len(),
        "tolerance": job.tolerance,
    });
    format!("{description:#}\n")
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

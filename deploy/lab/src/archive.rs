//! A class data archive: Hadoop's classes, parsed once per machine instead of once per process.
//!
//! Nine daemons and every command spend most of their first seconds with reading the same classes from 180 jars. The
//! first lab on a machine notes which classes those are, and from then on a lab starts in half the time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::java;
use crate::plan::Plan;

/// The archive for these jars and this Java: no other Java can read it.
pub(crate) fn path(jars: &Path, java_version: &str) -> PathBuf {
    let version = java_version.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    jars.with_file_name(format!("{}-java-{version}.jsa", jars.file_name().unwrap_or_default().display()))
}

/// Options by which a JVM uses the archive, or helps to make one.
pub(crate) fn flags(plan: &Plan, name: &str) -> Vec<String> {
    if plan.archive.exists() {
        // One that does not fit is of no use, and nothing worse.
        return vec![format!("-XX:SharedArchiveFile={}", plan.archive.display()), "-Xlog:cds=off".into()];
    }
    vec![format!("-XX:DumpLoadedClassList={}", plan.dir.join("classes").join(name).display())]
}

/// Makes the archive if there is none, from what the running daemons have noted.
pub(crate) fn make(plan: &Plan) -> Result<()> {
    if plan.archive.exists() {
        return Ok(());
    }
    let lock = File::create(plan.archive.with_extension("lock"))?;
    if lock.try_lock().is_err() || plan.archive.exists() {
        return Ok(());
    }
    let list = plan.dir.join("classes/all");
    fs::write(&list, merged(&plan.dir.join("classes"))?)?;
    let cache = plan.archive.parent().context("the cache is no folder")?;
    let made = tempfile::Builder::new().prefix(".archive").tempdir_in(cache)?;
    let archive = made.path().join("jsa");
    // Should this Java not be able to, an empty file keeps the next lab from trying again.
    let dumped = Command::new(plan.java_home.join("bin/java"))
        .args(java::flags(1024))
        .arg("-Xshare:dump")
        .arg(format!("-XX:SharedClassListFile={}", list.display()))
        .arg(format!("-XX:SharedArchiveFile={}", archive.display()))
        .args(["-cp", &class_path(plan)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !dumped.is_ok_and(|status| status.success()) {
        fs::write(&archive, "")?;
    }
    Ok(fs::rename(archive, &plan.archive)?)
}

/// The part of the class path that all JVMs of all labs have in common. It must come first and hold no folder.
pub(crate) fn class_path(plan: &Plan) -> String {
    format!("{}/*", plan.jars.display())
}

fn merged(folder: &Path) -> Result<String> {
    let mut seen = BTreeSet::new();
    let mut merged = String::new();
    for entry in fs::read_dir(folder)? {
        let list = fs::read_to_string(entry?.path())?;
        // The daemons are still writing: what follows the last line's end may be half a name.
        let whole = list.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines().filter(|line| !line.starts_with('#')) {
            if seen.insert(line.to_owned()) {
                merged.push_str(line);
                merged.push('\n');
            }
        }
    }
    Ok(merged)
}

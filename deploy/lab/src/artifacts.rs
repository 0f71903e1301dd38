//! Hadoop's published jars, fetched once per machine and version.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// There is no distribution among the published artifacts: these are the parts that the lab starts.
const PARTS: [&str; 11] = [
    "common",
    "hdfs",
    "hdfs-client",
    "yarn-server-resourcemanager",
    "yarn-server-nodemanager",
    // The ResourceManager does not start without its classes.
    "yarn-server-timelineservice",
    "yarn-client",
    "mapreduce-client-jobclient",
    "mapreduce-client-shuffle",
    "mapreduce-client-app",
    "mapreduce-client-hs",
];

/// Programs to compare with. Some versions were published without some of them.
const PROGRAMS: [&str; 3] = ["mapreduce-examples", "streaming", "yarn-applications-distributedshell"];

/// Folder with the jars of a version: fetched with Maven if this machine does not have them yet.
///
/// They appear by rename, so a folder that exists is whole. Two labs that start at once fetch once: the second waits.
pub(crate) fn fetch(version: &str) -> Result<PathBuf> {
    let folder = folder(version)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let cache = folder.parent().context("the cache is no folder")?;
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(format!("hadoop-{version}.lock")))?;
    lock.lock()?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let work = tempfile::Builder::new().prefix(".fetch").tempdir_in(cache)?;
    copy_dependencies(work.path(), version)?;
    fs::rename(work.path().join("lib"), &folder)?;
    Ok(folder)
}

/// Whether [`fetch`] needs no Maven any more.
pub(crate) fn present(version: &str) -> bool {
    folder(version).is_ok_and(|folder| folder.is_dir())
}

/// Whether Maven can be run.
pub(crate) fn maven() -> Result<()> {
    match Command::new("mvn").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!(
            "Maven is missing: install it, so that the lab can fetch Hadoop's artifacts (mvn does not run)"
        ),
    }
}

fn folder(version: &str) -> Result<PathBuf> {
    let cache = match (std::env::var_os("LAPWING_LAB_CACHE"), std::env::var_os("XDG_CACHE_HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(cache)) => Path::new(&cache).join("lapwing-lab"),
        (None, None) => {
            std::env::home_dir().context("no home folder for the cache")?.join(".cache/lapwing-lab")
        }
    };
    // Paths end up in configuration files and class paths, read from other folders.
    Ok(std::path::absolute(cache)?.join(format!("hadoop-{version}")))
}

fn copy_dependencies(work: &Path, version: &str) -> Result<()> {
    maven()?;
    let mut programs = PROGRAMS.to_vec();
    loop {
        fs::write(work.join("pom.xml"), project(version, &programs))?;
        let output = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "-Dstyle.color=never", "dependency:copy-dependencies"])
            .args(["-DincludeScope=runtime", "-DoutputDirectory=lib"])
            .current_dir(work)
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.contains("ERROR")).unwrap_or("no reason given").trim();
        let wanted = programs.len();
        programs.retain(|program| !line.contains(&format!(":hadoop-{program}:jar:")));
        if programs.len() == wanted {
            bail!("Maven could not fetch Hadoop {version}: {line}")
        }
    }
}

fn project(version: &str, programs: &[&str]) -> String {
    let part = |part: &&str| {
        format!(
            "<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-{part}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    let parts: String = PARTS.iter().chain(programs).map(part).collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>lapwing</groupId><artifactId>lab</artifactId><version>1</version><packaging>pom</packaging>\n\
         <dependencies>\n{parts}</dependencies></project>\n"
    )
}

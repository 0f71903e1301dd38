use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The Java that runs the daemons.
#[derive(Clone, Debug)]
pub(crate) struct Java {
    pub(crate) home: PathBuf,
    /// As exact as it gets, with the build.
    pub(crate) version: String,
}

impl Java {
    /// Finds Java by `JAVA_HOME`, else on the `PATH`, and asks it where it lives: containers are told.
    pub(crate) fn find() -> Result<Self> {
        let program = match std::env::var_os("JAVA_HOME") {
            Some(home) => Path::new(&home).join("bin/java"),
            None => "java".into(),
        };
        let answer = Command::new(&program).args(["-XshowSettings:properties", "-version"]).output();
        let Ok(answer) = answer else {
            bail!(
                "Java is missing: install a JDK 17, or let JAVA_HOME name one ({} does not run)",
                program.display()
            )
        };
        let text = String::from_utf8_lossy(&answer.stderr);
        let setting = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
            line.and_then(|rest| rest.trim().strip_prefix('=')).map(|value| value.trim().to_owned())
        };
        let home = setting("java.home").context("Java does not say where it lives")?;
        let version = setting("java.specification.version").unwrap_or_default();
        // Below, the options for open modules are unknown; above, Hadoop asks for a security manager that is gone.
        if !version.parse().is_ok_and(|version: u32| (11..=22).contains(&version)) {
            bail!("Java {version} does not run Hadoop: install a JDK 17 and let JAVA_HOME name it")
        }
        let version = setting("java.runtime.version").unwrap_or(version);
        Ok(Self { home: home.into(), version })
    }
}

/// Options that every JVM of the lab gets: quick start before quick running, and the doors that Hadoop needs open.
pub(crate) fn flags(heap_mb: u32) -> Vec<String> {
    let mut flags = vec![
        format!("-Xmx{heap_mb}m"),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-XX:-UsePerfData".into(),
        "-Xshare:auto".into(),
        "-Djava.net.preferIPv4Stack=true".into(),
    ];
    flags.extend(open_modules());
    flags
}

/// The doors alone, for the JVMs that MapReduce starts.
pub(crate) fn open_modules() -> impl Iterator<Item = String> {
    ["java.lang", "java.util", "java.util.concurrent", "java.net", "java.nio", "java.io", "sun.nio.ch"]
        .into_iter()
        .map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED"))
}

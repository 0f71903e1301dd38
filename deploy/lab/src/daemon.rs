//! Starting, ending and watching one daemon.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::plan::Plan;
use crate::{Role, archive, java, process};

/// Starts a daemon and returns at once.
pub(crate) fn launch(plan: &Plan, role: Role) -> Result<()> {
    if let Some(pid) = pid(plan, role) {
        bail!("{role} runs already, as process {pid}")
    }
    let log = File::options().create(true).append(true).open(plan.log(role))?;
    let mut child = jvm(plan, Some(role), role.heap_mb())
        .arg(role.main_class())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .env(process::MARK, &plan.id)
        // Of its own group, so that Ctrl-C in a terminal ends the owner first, and the owner ends the lab.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {role}"))?;
    fs::write(plan.home(role).join("pid"), child.id().to_string())?;
    // Somebody must wait for it, or it stays as a zombie for as long as this process lives.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Makes the NameNode's folder, as often as called: an existing one stays.
pub(crate) fn format(plan: &Plan) -> Result<()> {
    if plan.home(Role::NameNode).join("name").exists() {
        return Ok(());
    }
    let output = jvm(plan, Some(Role::NameNode), 256)
        .arg(Role::NameNode.main_class())
        .args(["-format", "-nonInteractive"])
        .env(process::MARK, &plan.id)
        .output()?;
    if !output.status.success() {
        bail!("the NameNode could not be formatted: {}", String::from_utf8_lossy(&output.stdout))
    }
    Ok(())
}

/// Ends a daemon by a signal and waits until it is gone; after `patience` by force. One that is gone already is fine.
pub(crate) fn end(plan: &Plan, role: Role, signal: Signal, patience: Duration) {
    let begin = Instant::now();
    let mut signal = Some(signal);
    while let Some(pid) = pid(plan, role) {
        if begin.elapsed() > patience {
            signal = Some(Signal::KILL);
        }
        if let Some(signal) = signal.take() {
            process::signal(pid, signal);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process of a daemon, if it runs.
pub(crate) fn pid(plan: &Plan, role: Role) -> Option<u32> {
    let pid = fs::read_to_string(plan.home(role).join("pid")).ok()?.parse().ok()?;
    process::belongs(pid, &plan.id).then_some(pid)
}

/// A Java command with the lab's class path and nothing of the developer's own Hadoop settings.
pub(crate) fn jvm(plan: &Plan, role: Option<Role>, heap_mb: u32) -> Command {
    let conf = role.map_or_else(|| plan.conf(), |role| plan.home(role).join("conf"));
    let name = role.map_or_else(|| "client".to_owned(), |role| role.to_string());
    let class_path =
        format!("{}:{}:{}/webapps", archive::class_path(plan), conf.display(), plan.dir.display());
    let mut command = Command::new(plan.java_home.join("bin/java"));
    let kept = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ", "HADOOP_USER_NAME"];
    command
        .env_clear()
        .envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("JAVA_HOME", &plan.java_home)
        // Any folder: without one commands warn.
        .env("HADOOP_HOME", &plan.dir)
        .env("HADOOP_CONF_DIR", plan.conf())
        .args(java::flags(heap_mb))
        .args(archive::flags(plan, &name))
        // What Java programs unpack goes when the lab goes.
        .arg(format!("-Djava.io.tmpdir={}", plan.dir.join("tmp").display()))
        .args(["-cp", &class_path]);
    if let Some(role) = role {
        command.env_remove("HADOOP_USER_NAME");
        command.arg(format!("-Djdk.net.hosts.file={}", plan.home(role).join("hosts").display()));
    }
    command
}

//! Configuration files: one set for clients, one for each daemon.

mod hdfs;
mod yarn;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::Role;
use crate::options::Site;
use crate::plan::Plan;

/// Properties of one file, in the order of writing; later ones win, as in Hadoop.
pub(crate) type Properties = Vec<(String, String)>;

/// Writes the clients' folder and the folder of each daemon.
pub(crate) fn write_all(plan: &Plan) -> Result<()> {
    write(plan, None, &plan.conf())?;
    for role in plan.roles() {
        write(plan, Some(role), &plan.home(role).join("conf"))?;
        fs::write(plan.home(role).join("hosts"), hosts(plan, role))?;
    }
    // The web servers look for these on the class path, and the published jars do not hold them.
    for name in ["hdfs", "datanode"] {
        let folder = plan.dir.join("webapps/webapps").join(name).join("WEB-INF");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("web.xml"), "<web-app/>")?;
    }
    Ok(())
}

/// Appends a property.
pub(crate) fn put(properties: &mut Properties, name: &str, value: impl ToString) {
    properties.push((name.to_owned(), value.to_string()));
}

fn write(plan: &Plan, role: Option<Role>, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for site in Site::ALL {
        let mut properties = match site {
            Site::Core => hdfs::core(plan),
            Site::Hdfs => hdfs::hdfs(plan, role),
            Site::Yarn => yarn::yarn(plan, role),
            Site::Mapred => yarn::mapred(plan, role),
            Site::Scheduler => yarn::queues(plan.options.async_scheduling),
        };
        let own = plan.options.properties.get(&site).into_iter().flatten();
        properties.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        fs::write(folder.join(site.file()), xml(&properties))?;
    }
    fs::write(folder.join("log4j.properties"), log4j(plan, role))?;
    // Counters read by JMX are as old as this period: ten seconds unless told otherwise.
    fs::write(folder.join("hadoop-metrics2.properties"), "*.periodMillis=100\n")?;
    Ok(())
}

fn xml(properties: &Properties) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text = String::from("<?xml version=\"1.0\"?>\n<configuration>\n");
    for (name, value) in properties {
        let _ = writeln!(
            text,
            "  <property><name>{}</name><value>{}</value></property>",
            escape(name),
            escape(value)
        );
    }
    text + "</configuration>\n"
}

/// Daemons resolve names by this file alone (see the daemons' flags): the machine's own name becomes the daemon's host, where
/// another machine's name service would lead other daemons and the links in web pages astray.
fn hosts(plan: &Plan, role: Role) -> String {
    let host = plan.host(role);
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("127.0.0.1 localhost\n{host} {host} {}\n", machine.trim())
}

/// Daemons log to their standard output, which is their file in `logs`; clients warn on standard error.
fn log4j(plan: &Plan, role: Option<Role>) -> String {
    let (level, target) = if role.is_some() { ("INFO", "out") } else { ("WARN", "err") };
    let mut text = format!(
        "log4j.rootLogger={level},console\n\
         log4j.appender.console=org.apache.log4j.ConsoleAppender\n\
         log4j.appender.console.target=System.{target}\n\
         log4j.appender.console.layout=org.apache.log4j.PatternLayout\n\
         log4j.appender.console.layout.ConversionPattern=%d{{ISO8601}} %p %c: %m%n\n\
         log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR\n"
    );
    if role == Some(Role::NameNode) {
        let _ = write!(
            text,
            "log4j.logger.org.apache.hadoop.hdfs.server.namenode.FSNamesystem.audit=INFO,audit\n\
             log4j.additivity.org.apache.hadoop.hdfs.server.namenode.FSNamesystem.audit=false\n\
             log4j.appender.audit=org.apache.log4j.FileAppender\n\
             log4j.appender.audit.File={}\n\
             log4j.appender.audit.layout=org.apache.log4j.PatternLayout\n\
             log4j.appender.audit.layout.ConversionPattern=%d{{ISO8601}} %m%n\n",
            plan.dir.join("logs/audit.log").display()
        );
    }
    text
}

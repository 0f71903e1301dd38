//! Where everything is.

use std::path::{Path, PathBuf};

use crate::{Lab, Node, Options, Role};

impl Lab {
    /// Folder of the clients' configuration: what `HADOOP_CONF_DIR` should name.
    pub fn conf_dir(&self) -> &Path {
        &self.conf
    }

    /// Folder with all that the lab has written.
    pub fn dir(&self) -> &Path {
        &self.plan.dir
    }

    /// Folder with Hadoop's jars.
    pub fn jars(&self) -> &Path {
        &self.plan.jars
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.plan.options
    }

    /// `hdfs://host:port`
    pub fn default_fs(&self) -> String {
        format!("hdfs://{}", self.plan.address(Role::NameNode, "rpc"))
    }

    /// `http://host:port` of the NameNode: WebHDFS and its pages.
    pub fn namenode_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::NameNode, "web"))
    }

    /// `http://host:port` of the ResourceManager: REST and its pages.
    pub fn rm_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::ResourceManager, "web"))
    }

    /// `host:port` where application masters register.
    pub fn rm_scheduler(&self) -> String {
        self.plan.address(Role::ResourceManager, "scheduler")
    }

    /// `http://host:port` of the job history server, which also shows the logs of finished applications.
    pub fn history_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::JobHistory, "web"))
    }

    /// The nodes; the first is that of `nm1` and `dn1`.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All daemons, running or not.
    pub fn roles(&self) -> Vec<Role> {
        self.plan.roles()
    }

    /// The NameNode's audit log: one line per operation, with user, command and path.
    pub fn audit_log(&self) -> PathBuf {
        self.plan.dir.join("logs/audit.log")
    }

    /// A daemon's log.
    pub fn log(&self, role: Role) -> PathBuf {
        self.plan.log(role)
    }

    /// Folder with the logs of a node's containers (counted from 1), by application and container. Once an
    /// application has ended they are in HDFS as well: `yarn logs`.
    pub fn container_logs(&self, node: usize) -> PathBuf {
        self.plan.home(Role::NodeManager(node)).join("containers")
    }

    /// Sets the variables by which other programs find the lab.
    pub fn envs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HADOOP_CONF_DIR", self.conf.display().to_string()),
            ("YARN_CONF_DIR", self.conf.display().to_string()),
            ("JAVA_HOME", self.plan.java_home.display().to_string()),
        ]
    }
}

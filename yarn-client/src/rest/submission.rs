use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::credentials::Credentials;
use crate::types::{ApplicationId, Resource};

/// An application to be submitted: its master's container, and how YARN should treat it.
///
/// The ResourceManager silently drops what it does not understand in this request, plain JSON maps among it. From this
/// value only the form that it does understand is made.
///
/// Values of the environment and the command become text of a shell script on the node: see [`crate::shell`].
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The id that the ResourceManager has given for it.
    pub id: ApplicationId,
    /// What people see.
    pub name: String,
    /// What kind of application it is, for people and for filters (at most 20 characters are kept).
    pub application_type: String,
    /// The queue.
    pub queue: String,
    /// Among the user's applications in the queue; a larger number is more urgent.
    pub priority: Option<i32>,
    /// For filters: `yarn application -list -appTags`. ASCII; YARN makes them lower case.
    pub tags: Vec<String>,
    /// How often the master is started at most; the cluster has a limit of its own.
    pub max_attempts: Option<u32>,
    /// Failures older than this do not count against [`Submission::max_attempts`].
    pub failures_validity: Option<Duration>,
    /// Whether containers go on while a failed master is started again.
    pub keep_containers: bool,
    /// Whether YARN starts no master: the submitter runs it.
    pub unmanaged: bool,
    /// Whether the ResourceManager cancels the tokens of [`Submission::credentials`] at the end; not, if they are shared.
    pub cancel_tokens: bool,
    /// Label of the nodes that all containers go to.
    pub node_label: Option<String>,
    /// Label of the nodes that the master goes to.
    pub master_node_label: Option<String>,
    /// What the master's container gets.
    pub resource: Resource,
    /// What it runs.
    pub command: String,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// Files that YARN copies into its working directory, by the name that they get there.
    pub local_resources: BTreeMap<String, LocalResource>,
    /// Who may view and who may change the application besides its owner: users and groups as in Hadoop's access control
    /// lists (`alice,bob staff`; `*` for everybody).
    pub access: BTreeMap<Access, String>,
    /// Tokens and secrets that the master gets.
    pub credentials: Credentials,
    /// Which files of the log folder are collected at the end: a regular expression that the whole name matches.
    pub log_include: Option<String>,
    /// Which are not.
    pub log_exclude: Option<String>,
}

/// A file or archive that YARN copies to a node before it starts the container.
///
/// Size and time must be those of the file at that moment, or the container does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResource {
    /// Where it is: `hdfs://nn.example.org:8020/user/alice/am.bin`.
    pub url: String,
    /// Length in bytes.
    pub size: u64,
    /// When it was last modified, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Whether it is to be unpacked.
    pub is_archive: bool,
    /// Who shares the copy.
    pub visibility: Visibility,
}

/// Who shares a node's copy of a file (`org.apache.hadoop.yarn.api.records.LocalResourceVisibility`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody. The file and all folders above it must be readable by everybody.
    Public,
    /// All applications of the user.
    Private,
    /// This application.
    #[default]
    Application,
}

/// What a list of users and groups is for (`org.apache.hadoop.yarn.api.records.ApplicationAccessType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Seeing details and logs.
    View,
    /// Killing and changing it.
    Modify,
}

impl Submission {
    /// An application in the queue `default` with a command (see [`crate::shell::command`]) and what its master gets.
    pub fn new(
        id: ApplicationId,
        name: impl Into<String>,
        command: impl Into<String>,
        resource: Resource,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            application_type: "YARN".into(),
            queue: "default".into(),
            priority: None,
            tags: Vec::new(),
            max_attempts: None,
            failures_validity: None,
            keep_containers: false,
            unmanaged: false,
            cancel_tokens: true,
            node_label: None,
            master_node_label: None,
            resource,
            command: command.into(),
            environment: BTreeMap::new(),
            local_resources: BTreeMap::new(),
            access: BTreeMap::new(),
            credentials: Credentials::default(),
            log_include: None,
            log_exclude: None,
        }
    }

    /// The body of the request.
    pub fn to_json(&self) -> Value {
        let mut app = object([
            ("application-id", json!(self.id.to_string())),
            ("application-name", json!(self.name)),
            ("application-type", json!(self.application_type)),
            ("queue", json!(self.queue)),
            ("keep-containers-across-application-attempts", json!(self.keep_containers)),
            ("unmanaged-AM", json!(self.unmanaged)),
            ("cancel-tokens-when-complete", json!(self.cancel_tokens)),
            ("resource", json!({"memory": self.resource.memory_mb, "vCores": self.resource.vcores})),
            ("am-container-spec", self.container()),
        ]);
        // What is not set is left out: empty texts would be taken for values.
        let mut optional =
            |name: &str, value: Option<Value>| value.map(|value| app.insert(name.into(), value));
        optional("priority", self.priority.map(Value::from));
        optional("max-app-attempts", self.max_attempts.map(Value::from));
        optional("attempt-failures-validity-interval", self.failures_validity.map(milliseconds));
        optional("app-node-label-expression", self.node_label.as_ref().map(|label| json!(label)));
        optional(
            "am-container-node-label-expression",
            self.master_node_label.as_ref().map(|label| json!(label)),
        );
        optional("application-tags", (!self.tags.is_empty()).then(|| json!({"tag": self.tags})));
        optional("log-aggregation-context", self.logs());
        Value::Object(app)
    }

    fn container(&self) -> Value {
        let mut container = object([("commands", json!({"command": self.command}))]);
        let mut entries = |name: &str, map: Option<Value>| map.map(|map| container.insert(name.into(), map));
        let local = self.local_resources.iter().map(|(name, resource)| (name.as_str(), resource.to_json()));
        entries("local-resources", map(local));
        entries(
            "environment",
            map(self.environment.iter().map(|(name, value)| (name.as_str(), json!(value)))),
        );
        entries(
            "application-acls",
            map(self.access.iter().map(|(access, list)| (access.word(), json!(list)))),
        );
        entries("credentials", credentials(&self.credentials));
        Value::Object(container)
    }

    fn logs(&self) -> Option<Value> {
        let patterns =
            [("log-include-pattern", &self.log_include), ("log-exclude-pattern", &self.log_exclude)];
        let set: Map<String, Value> = patterns
            .iter()
            .filter_map(|(name, pattern)| Some(((*name).into(), json!(pattern.as_ref()?))))
            .collect();
        (!set.is_empty()).then_some(Value::Object(set))
    }
}

impl LocalResource {
    /// A plain file that only this application uses.
    pub fn file(url: impl Into<String>, size: u64, modified_ms: i64) -> Self {
        Self { url: url.into(), size, modified_ms, is_archive: false, visibility: Visibility::Application }
    }

    fn to_json(&self) -> Value {
        let visibility = match self.visibility {
            Visibility::Public => "PUBLIC",
            Visibility::Private => "PRIVATE",
            Visibility::Application => "APPLICATION",
        };
        let kind = if self.is_archive { "ARCHIVE" } else { "FILE" };
        json!({"resource": self.url, "type": kind, "visibility": visibility, "size": self.size, "timestamp": self.modified_ms})
    }
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Self::View => "VIEW_APP",
            Self::Modify => "MODIFY_APP",
        }
    }
}

fn credentials(credentials: &Credentials) -> Option<Value> {
    let tokens =
        credentials.tokens.iter().map(|(alias, token)| (alias.as_str(), json!(token.to_url_string())));
    let secrets = credentials
        .secrets
        .iter()
        .map(|(alias, secret)| (alias.as_str(), json!(URL_SAFE_NO_PAD.encode(secret))));
    let parts = [("tokens", map(tokens)), ("secrets", map(secrets))];
    let set: Map<String, Value> =
        parts.into_iter().filter_map(|(name, map)| Some((name.into(), map?))).collect();
    (!set.is_empty()).then_some(Value::Object(set))
}

/// The only form of a map that the ResourceManager does not drop; `None` if there is nothing in it.
fn map<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Option<Value> {
    let entries: Vec<Value> = entries.map(|(key, value)| json!({"key": key, "value": value})).collect();
    (!entries.is_empty()).then(|| json!({"entry": entries}))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn milliseconds(duration: Duration) -> Value {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).into()
}

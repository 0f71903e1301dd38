use std::fmt;

use super::{ConfigError, Configuration, HttpPolicy};

/// A server's address: `rm.example.org:8030`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Host name, IPv4 address, or IPv6 address in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The servers of a ResourceManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RmService {
    /// For application masters (RPC, port 8030).
    Scheduler,
    /// For clients (RPC, port 8032).
    Client,
    /// For administrators (RPC, port 8033); the only one on which a standby answers RPC.
    Admin,
    /// Web pages and REST (HTTP, port 8088).
    Web,
    /// Web pages and REST (HTTPS, port 8090).
    WebHttps,
}

impl Configuration {
    /// The ids of the ResourceManagers of a highly available cluster; empty where there is but one.
    ///
    /// # Errors
    /// High availability is switched on and `yarn.resourcemanager.ha.rm-ids` is not set.
    pub fn resource_manager_ids(&self) -> Result<Vec<String>, ConfigError> {
        if self.boolean("yarn.resourcemanager.ha.enabled")? != Some(true) {
            return Ok(Vec::new());
        }
        let ids = self.list("yarn.resourcemanager.ha.rm-ids")?;
        if ids.is_empty() {
            let reason = "yarn.resourcemanager.ha.enabled is true".into();
            return Err(ConfigError::Missing { name: "yarn.resourcemanager.ha.rm-ids".into(), reason });
        }
        Ok(ids)
    }

    /// Where a service of the ResourceManager may be: one address, or one for each id of a highly available cluster.
    ///
    /// # Errors
    /// An address is malformed, or an id has neither address nor host name.
    pub fn resource_manager(&self, service: RmService) -> Result<Vec<Address>, ConfigError> {
        let name = service.property();
        let ids = self.resource_manager_ids()?;
        if ids.is_empty() {
            let missing =
                || ConfigError::Missing { name: name.into(), reason: "nothing else says where it is".into() };
            return Ok(vec![self.address(name, service.default_port())?.ok_or_else(missing)?]);
        }
        ids.iter().map(|id| self.resource_manager_by_id(service, id)).collect()
    }

    /// The beginnings of the ResourceManagers' web addresses, by the scheme that `yarn.http.policy` asks for:
    /// `http://rm.example.org:8088`.
    ///
    /// # Errors
    /// As [`Configuration::resource_manager`], or the policy is unknown.
    pub fn resource_manager_web(&self) -> Result<Vec<String>, ConfigError> {
        let (scheme, service) = match self.http_policy("yarn.http.policy")? {
            HttpPolicy::HttpsOnly => ("https", RmService::WebHttps),
            HttpPolicy::HttpOnly | HttpPolicy::HttpAndHttps => ("http", RmService::Web),
        };
        let addresses = self.resource_manager(service)?;
        Ok(addresses.iter().map(|address| format!("{scheme}://{address}")).collect())
    }

    /// The file system of paths that name none: `hdfs://nn.example.org:8020`, `hdfs://nameservice`, `file:///`.
    ///
    /// # Errors
    /// [`ConfigError::TooManyVariables`].
    pub fn default_fs(&self) -> Result<String, ConfigError> {
        let name = self.text("fs.defaultFS")?.unwrap_or_else(|| "file:///".into());
        Ok(match name.as_str() {
            "local" => "file:///".into(),
            // What very old files have: a host and a port alone.
            old if !old.contains('/') => format!("hdfs://{old}"),
            _ => name,
        })
    }

    /// The RPC addresses of the NameNodes behind the authority of an `hdfs://` address: those of a nameservice, or the one
    /// host and port (8020 if there is none).
    ///
    /// # Errors
    /// An address is malformed, or a NameNode of the nameservice has none.
    pub fn name_nodes(&self, authority: &str) -> Result<Vec<Address>, ConfigError> {
        if let Some(nodes) = self.nameservice(authority, "dfs.namenode.rpc-address", 8020)? {
            return Ok(nodes);
        }
        let expected = "the authority of an hdfs address (nn.example.org:8020, or a nameservice)";
        let bad = || ConfigError::BadValue {
            name: "dfs.nameservices".into(),
            value: authority.into(),
            expected,
            place: self.place("dfs.nameservices").cloned().unwrap_or(super::Place::Program),
        };
        Ok(vec![parse_address(authority, 8020).ok_or_else(bad)?])
    }

    /// The beginnings of the NameNodes' web addresses (WebHDFS), by the scheme that `dfs.http.policy` asks for. The
    /// authority is that of an `hdfs://` address; of a NameNode outside of any nameservice, the host is taken from it where
    /// the configuration has only the wildcard 0.0.0.0.
    ///
    /// # Errors
    /// As [`Configuration::name_nodes`], or the policy is unknown.
    pub fn name_node_web(&self, authority: &str) -> Result<Vec<String>, ConfigError> {
        let (scheme, name, port) = match self.http_policy("dfs.http.policy")? {
            HttpPolicy::HttpsOnly => ("https", "dfs.namenode.https-address", 9871),
            HttpPolicy::HttpOnly | HttpPolicy::HttpAndHttps => ("http", "dfs.namenode.http-address", 9870),
        };
        let addresses = match self.nameservice(authority, name, port)? {
            Some(addresses) => addresses,
            None => {
                let mut web = self.address(name, port)?.unwrap_or(Address { host: "0.0.0.0".into(), port });
                if web.host == "0.0.0.0" {
                    web.host = self.name_nodes(authority)?.swap_remove(0).host;
                }
                vec![web]
            }
        };
        Ok(addresses.iter().map(|address| format!("{scheme}://{address}")).collect())
    }

    /// A property as an address; the port may be missing in it.
    ///
    /// # Errors
    /// It is set and is no address.
    pub fn address(&self, name: &str, default_port: u16) -> Result<Option<Address>, ConfigError> {
        self.parsed(name, "an address (host:port)", |text| parse_address(text, default_port))
    }

    fn resource_manager_by_id(&self, service: RmService, id: &str) -> Result<Address, ConfigError> {
        let property = service.property();
        if let Some(address) = self.address(&format!("{property}.{id}"), service.default_port())? {
            return Ok(address);
        }
        let name = format!("yarn.resourcemanager.hostname.{id}");
        let reason =
            format!("yarn.resourcemanager.ha.rm-ids names {id}, and {property}.{id} is not set either");
        self.address(&name, service.default_port())?.ok_or(ConfigError::Missing { name, reason })
    }

    /// The addresses of a nameservice's NameNodes; `None` if there is no nameservice of this name.
    fn nameservice(
        &self,
        service: &str,
        property: &str,
        port: u16,
    ) -> Result<Option<Vec<Address>>, ConfigError> {
        if !self.list("dfs.nameservices")?.iter().any(|known| known == service) {
            return Ok(None);
        }
        let nodes = self.list(&format!("dfs.ha.namenodes.{service}"))?;
        let names = if nodes.is_empty() {
            vec![format!("{property}.{service}")]
        } else {
            nodes.iter().map(|node| format!("{property}.{service}.{node}")).collect()
        };
        let address = |name: String| {
            let reason = format!("{service} is one of dfs.nameservices");
            self.address(&name, port)?.ok_or(ConfigError::Missing { name, reason })
        };
        names.into_iter().map(address).collect::<Result<_, _>>().map(Some)
    }
}

impl RmService {
    fn property(self) -> &'static str {
        match self {
            Self::Scheduler => "yarn.resourcemanager.scheduler.address",
            Self::Client => "yarn.resourcemanager.address",
            Self::Admin => "yarn.resourcemanager.admin.address",
            Self::Web => "yarn.resourcemanager.webapp.address",
            Self::WebHttps => "yarn.resourcemanager.webapp.https.address",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Scheduler => 8030,
            Self::Client => 8032,
            Self::Admin => 8033,
            Self::Web => 8088,
            Self::WebHttps => 8090,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Host and port; a scheme before and a path after are cut off, as `NetUtils.createSocketAddr` does.
fn parse_address(text: &str, default_port: u16) -> Option<Address> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split('/').next().unwrap_or_default();
    let (host, port) = match text.rsplit_once(':') {
        // The last colon of an IPv6 address without a port is within the brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (text, default_port),
    };
    let is_name = !host.is_empty() && (host.starts_with('[') && host.ends_with(']') || !host.contains(':'));
    (is_name && !host.contains(char::is_whitespace)).then(|| Address { host: host.into(), port })
}

//! What a NodeManager needs to know to run a container.

use std::collections::BTreeMap;

use crate::{
    credentials::{Credentials, FileFormat},
    error::{Error, Result},
    proto::yarn,
};

/// How a container is to be started (`org.apache.hadoop.yarn.api.records.ContainerLaunchContext`).
#[derive(Clone, Debug, Default)]
pub struct LaunchContext {
    /// Joined with a blank and given to `bash -c` after an `exec`: redirections are understood. `<LOG_DIR>` stands for the
    /// container's log directory and `{{NAME}}` for a variable.
    pub commands: Vec<String>,
    /// Variables. The values stand **between double quotes in a shell script**: `$HOME` and backquotes are expanded, and a
    /// double quote breaks the script. Encode anything structured. Setting `PATH` loses the system's.
    pub environment: BTreeMap<String, String>,
    /// Files to be fetched before the start, by the name under which they appear in the working directory.
    pub local_resources: BTreeMap<String, LocalResource>,
    /// Tokens for fetching the files and for the process's own use. The application master's own token is taken out: whoever
    /// holds it could speak to the ResourceManager in its name.
    pub credentials: Credentials,
}

/// A file that every container gets (`org.apache.hadoop.yarn.api.records.LocalResource`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResource {
    /// Where it is: `hdfs://host:port/path` or `hdfs://nameservice/path`.
    pub url: String,
    /// Bytes.
    pub size: u64,
    /// Its modification time in milliseconds since 1970, **exactly**: another one means that it was changed, and the container
    /// does not start.
    pub timestamp: u64,
    /// What to do with it.
    pub kind: LocalResourceKind,
    /// Who else may use the same copy.
    pub visibility: LocalResourceVisibility,
}

/// What a NodeManager does with a file that it has fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LocalResourceKind {
    /// Unpacks it, by its suffix: `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.jar`.
    Archive = 1,
    /// Leaves it as it is, readable and executable for its owner.
    #[default]
    File = 2,
}

/// Who shares a NodeManager's copy of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LocalResourceVisibility {
    /// All users: the file must be readable for everybody.
    Public = 1,
    /// All applications of the same user.
    #[default]
    Private = 2,
    /// The containers of one application.
    Application = 3,
}

impl LaunchContext {
    pub(crate) fn to_wire(&self) -> Result<yarn::ContainerLaunchContext> {
        let variable = |(key, value): (&String, &String)| yarn::StringString {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let resource = |(key, value): (&String, &LocalResource)| {
            let value = Some(value.to_wire()?);
            Ok(yarn::StringLocalResource { key: Some(key.clone()), value })
        };
        Ok(yarn::ContainerLaunchContext {
            local_resources: self.local_resources.iter().map(resource).collect::<Result<_>>()?,
            tokens: Some(self.credentials.for_containers().to_bytes(FileFormat::Writable).into()),
            environment: self.environment.iter().map(variable).collect(),
            command: self.commands.clone(),
        })
    }
}

impl LocalResource {
    fn to_wire(&self) -> Result<yarn::LocalResource> {
        let number = |number: u64| number.try_into().unwrap_or(i64::MAX);
        Ok(yarn::LocalResource {
            resource: Some(
                url(&self.url).ok_or_else(|| Error::invalid(format!("{:?} is not a URL", self.url)))?,
            ),
            size: Some(number(self.size)),
            timestamp: Some(number(self.timestamp)),
            kind: Some(self.kind as i32),
            visibility: Some(self.visibility as i32),
        })
    }
}

fn url(text: &str) -> Option<yarn::Url> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (user, place) =
        authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    // A colon inside the brackets of an IPv6 address begins no port.
    let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, port.parse::<u16>().ok()?.into()),
        // A nameservice has no port; left out it would be taken for port 0.
        None => (place, -1),
    };
    Some(yarn::Url {
        scheme: Some(scheme.into()),
        host: (!host.is_empty()).then(|| host.into()),
        port: Some(port),
        file: Some(path.into()),
        user_info: user.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{Token, kind};

    #[test]
    fn urls_with_and_without_a_port() {
        let parts = |text: &str| {
            let url = url(text)?;
            Some((url.host.unwrap_or_default(), url.port?, url.file?))
        };
        assert_eq!(parts("hdfs://nn:8020/user/a b"), Some(("nn".into(), 8020, "/user/a b".into())));
        assert_eq!(parts("hdfs://ns1/x"), Some(("ns1".into(), -1, "/x".into())));
        assert_eq!(parts("hdfs://[::1]/x"), Some(("[::1]".into(), -1, "/x".into())));
        assert_eq!(parts("file:///x"), Some((String::new(), -1, "/x".into())));
        for text in ["/x", "hdfs:/x", "hdfs://nn", "hdfs://nn:99999/x"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn the_masters_own_token_stays_at_home() {
        let mut context = LaunchContext::default();
        for kind in [kind::AM_RM, kind::HDFS_DELEGATION] {
            context.credentials.tokens.insert(kind.into(), Token { kind: kind.into(), ..Token::default() });
        }
        let sent = Credentials::from_bytes(&context.to_wire().unwrap().tokens.unwrap()).unwrap();
        assert_eq!(sent.tokens.keys().collect::<Vec<_>>(), [kind::HDFS_DELEGATION]);
    }
}

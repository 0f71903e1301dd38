//! What a NodeManager needs to know to run a container.

use std::collections::BTreeMap;

use crate::{
    credentials::{Credentials, FileFormat},
    error::{Error, Result},
    proto::yarn,
    rest::{LocalResource, Visibility},
};

/// How a container is to be started (`org.apache.hadoop.yarn.api.records.ContainerLaunchContext`).
#[derive(Clone, Debug, Default)]
pub struct LaunchContext {
    /// What is run: a line for bash. [`shell::command`](crate::shell::command) makes it from words.
    pub command: String,
    /// Its variables. The values become text of a shell script: see [`shell`](crate::shell).
    pub environment: BTreeMap<String, String>,
    /// Files to be fetched before the start, by the name under which they appear in the working directory.
    pub local_resources: BTreeMap<String, LocalResource>,
    /// Tokens for fetching the files and for the process's own use. The application master's own token is taken out: whoever
    /// holds it could speak to the ResourceManager in its name.
    pub credentials: Credentials,
}

impl LaunchContext {
    pub(crate) fn to_wire(&self) -> Result<yarn::ContainerLaunchContext> {
        let variable = |(key, value): (&String, &String)| yarn::StringString {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let resource = |(key, value): (&String, &LocalResource)| {
            let value = Some(local_resource(value)?);
            Ok(yarn::StringLocalResource { key: Some(key.clone()), value })
        };
        Ok(yarn::ContainerLaunchContext {
            local_resources: self.local_resources.iter().map(resource).collect::<Result<_>>()?,
            tokens: Some(self.credentials.for_containers().to_bytes(FileFormat::Writable).into()),
            environment: self.environment.iter().map(variable).collect(),
            command: vec![self.command.clone()],
        })
    }
}

fn local_resource(resource: &LocalResource) -> Result<yarn::LocalResource> {
    let LocalResource { url: text, size, modified_ms, is_archive, visibility } = resource;
    Ok(yarn::LocalResource {
        resource: Some(url(text).ok_or_else(|| Error::invalid(format!("{text:?} is not a URL")))?),
        size: Some((*size).try_into().unwrap_or(i64::MAX)),
        timestamp: Some(*modified_ms),
        kind: Some(if *is_archive { 1 } else { 2 }),
        visibility: Some(match visibility {
            Visibility::Public => 1,
            Visibility::Private => 2,
            Visibility::Application => 3,
        }),
    })
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

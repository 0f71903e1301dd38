use std::fmt;
use std::str::FromStr;

use super::{ParseError, number};

/// Names a NodeManager by the address of its RPC server: `node7.example.org:45454`.
///
/// Ordered as Hadoop does (`org.apache.hadoop.yarn.api.records.NodeId`): by host, then by port. The host is kept as the
/// cluster spells it, because the ResourceManager compares it as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Host name, IPv4 address, or IPv6 address in brackets.
    pub host: String,
    /// Port of the NodeManager's RPC server; 0 stands for any NodeManager of the host.
    pub port: u16,
}

impl NodeId {
    /// The node with this host (name, IPv4 address, or IPv6 address in brackets) and RPC port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for NodeId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let node = text.rsplit_once(':').filter(|(host, _)| is_host(host));
        node.and_then(|(host, port)| Some(Self::new(host, number(port)?)))
            .ok_or_else(|| ParseError::new("a node (host:port)", text))
    }
}

/// Colons belong in brackets: of `::1:8` nobody knows where the port begins.
fn is_host(host: &str) -> bool {
    let bracketed = host.starts_with('[') && host.ends_with(']');
    !host.is_empty()
        && (bracketed || !host.contains(':'))
        && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_prints() {
        assert_eq!("n:0".parse(), Ok(NodeId::new("n", 0)));
        assert_eq!("[::1]:8041".parse(), Ok(NodeId::new("[::1]", 8041)));
        assert_eq!(NodeId::new("node7.example.org", 45454).to_string(), "node7.example.org:45454");
        for text in
            ["", "h", "h:", ":5", "::1:8", " h : 1 ", "h:-1", "h:+1", "h:70000", "h h:1", "http://h:1"]
        {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_by_host_then_port() {
        assert!(NodeId::new("a", 2) < NodeId::new("b", 1));
        assert!(NodeId::new("a", 9) < NodeId::new("a", 10));
    }

    proptest! {
        #[test]
        fn text_round_trips(host in "[a-z0-9.-]{1,30}|\\[[0-9a-f:]{2,30}\\]", port: u16) {
            let node = NodeId::new(host, port);
            prop_assert_eq!(node.to_string().parse(), Ok(node));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}") {
            if let Ok(node) = text.parse::<NodeId>() {
                prop_assert_eq!(node.to_string().parse(), Ok(node));
            }
        }
    }
}

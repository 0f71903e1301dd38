use crate::Role;
use crate::plan::Plan;

/// A node: one host name with a NodeManager and, on the first nodes, a DataNode.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Host name of both daemons, as in block locations and in the ResourceManager's list.
    pub host: String,
    /// `host:port` by which YARN names the node.
    pub address: String,
    /// `host:port` of the NodeManager's web services.
    pub web: String,
    /// `host:port` of the DataNode's web server, if the node has one.
    pub datanode_web: Option<String>,
}

pub(crate) fn all(plan: &Plan) -> Vec<Node> {
    let node = |number: usize| {
        let role = Role::NodeManager(number);
        let datanode = (number <= plan.options.datanodes).then_some(Role::DataNode(number));
        Node {
            host: plan.host(role).to_string(),
            address: plan.address(role, "rpc"),
            web: plan.address(role, "web"),
            datanode_web: datanode.map(|role| plan.address(role, "web")),
        }
    };
    (1..=plan.options.nodes).map(node).collect()
}

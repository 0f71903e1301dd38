use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder of odd files, and what `Configuration.get` of Hadoop 3.4.2 returned for every property in them.
#[test]
fn odd_files_mean_what_they_mean_to_hadoop() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/testdata");
    let environment =
        [("FOO", "foo"), ("EMPTY", ""), ("DOLLAR", "${v3}"), ("USER", "root")].into_iter().collect();
    let configuration = Configuration::load(directory.as_ref(), environment).unwrap();
    let expected = [
        ("afterinc", "2"),
        ("attr", "av"),
        ("attrfinal", "1"),
        ("blank", "  "),
        ("cdata", "a<b&c"),
        ("cdatamix", "xa<b&cy"),
        ("commented", "ab"),
        ("deep", "1"),
        ("dollar", "$y ${} ${v3 y {v3} ${$v3}"),
        ("dup", "yarn"),
        ("emptyafter", "1"),
        ("entity", "<&ABhost7-host7:1"),
        ("env1", "foo|def|"),
        ("env1b", "def"),
        ("env2", "${env.NOFOO}"),
        ("env3", "a:b-c"),
        ("env4", "y"),
        ("env5", ""),
        ("env6", "${env.}"),
        ("env7", "frompropenv"),
        ("env8", "y"),
        ("fb", "1"),
        ("fin", "1"),
        ("finTRUE", "2"),
        ("finspace", "2"),
        ("fs.defaultFS", "hdfs://old:1"),
        ("fs.default.name", "hdfs://old:1"),
        ("inc", "1"),
        ("inner", "y"),
        ("nested", "abbc"),
        ("nestedconf", "1"),
        ("noprefix", "1"),
        ("order", "1"),
        ("reltop", "sub"),
        ("repeat19", "y3zz"),
        ("selfy", "${selfy}/x"),
        ("spaced.name", "  spaced value\n "),
        ("spacevar", "${v 3} y"),
        ("sys", "root"),
        ("two", "x"),
        ("unbound", "y${nope}${v3}"),
        ("v1", "y-y"),
        ("v3", "y"),
    ];
    for (name, value) in expected {
        assert_eq!(configuration.get(name).unwrap().as_deref(), Some(value), "{name}");
    }
    for name in ["empty", "novalue", "noname", "fb2", "finempty"] {
        assert_eq!(configuration.get(name).unwrap(), None, "{name}");
    }
    let error = configuration.get("loop1").unwrap_err().to_string();
    assert!(error.ends_with("core-site.xml:38: loop1: its variables lead to more than 20 others"), "{error}");
    assert_eq!(configuration.files().len(), 5);
}

#[test]
fn malformed_files_are_told_by_file_and_line() {
    let property = "<property><name>k</name><value>1</value></property>";
    for (text, line, message) in [
        ("", 1, "empty"),
        ("hello", 1, "outside"),
        ("<configuration>\n<property><name>k", 2, ""),
        ("<configuration>\n<property>\n</configuration>", 3, "property"),
        ("<configuration/>\n<configuration/>", 2, "second root"),
        ("<configuration/>\ntrailing", 2, "outside"),
        ("<a>\n<property><name>k</name><value>\na & b</value></property></a>", 3, ""),
        ("<a>\n<property><value>&nbsp;</value></property></a>", 2, "&nbsp; is not declared"),
        ("<a>\n<property name=k value=1/></a>", 2, ""),
        ("<a>\n\n<include href='none.xml'/></a>", 3, "none.xml"),
        ("<a>\n<include href='http://h/x.xml'></include></a>", 2, "http://h/x.xml"),
        ("<a>\n<include href='core-site.xml'/></a>", 1, "includes itself"),
        ("<!DOCTYPE c [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>\n<a>\n<name>&x;</name></a>", 3, "&x;"),
    ] {
        let directory = site(&[("core-site.xml", text)]);
        let error = load(&directory).unwrap_err();
        let ConfigError::Malformed { path, line: found, message: told } = &error else {
            panic!("{text}: {error}")
        };
        assert!(
            path.ends_with("core-site.xml") && *found == line && told.contains(message),
            "{text}: {error}"
        );
    }
    let directory = site(&[("core-site.xml", &format!("\u{feff}<conf>{property}</conf>"))]);
    assert_eq!(load(&directory).unwrap().get("k").unwrap().as_deref(), Some("1"));
}

#[test]
fn latin_1_is_read_where_the_file_says_so() {
    let directory = site(&[]);
    let text = b"<?xml version='1.0' encoding='ISO-8859-1'?><a><property name='k' value='\xe4'/></a>";
    fs::write(directory.path().join("core-site.xml"), text).unwrap();
    assert_eq!(load(&directory).unwrap().get("k").unwrap().as_deref(), Some("ä"));
    fs::write(directory.path().join("core-site.xml"), &text[44..]).unwrap();
    assert!(load(&directory).is_err());
}

#[test]
fn files_that_include_each_other_twice_do_not_multiply() {
    let names: Vec<String> = (0..15).map(|level| format!("{level}.xml")).collect();
    let texts: Vec<String> = (1..16)
        .map(|level| format!("<a>{}</a>", format!("<include href='{level}.xml'/>").repeat(2)))
        .collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("15.xml", "<a/>"), ("core-site.xml", "<a><include href='0.xml'/></a>")]);
    assert!(load(&site(&files)).unwrap_err().to_string().contains("include each other"));
}

#[test]
fn a_missing_directory_is_an_error_and_an_empty_one_is_the_defaults() {
    let directory = site(&[]);
    let configuration = load(&directory).unwrap();
    assert!(configuration.files().is_empty());
    assert_eq!(configuration.default_fs().unwrap(), "file:///");
    assert_eq!(configuration.resource_manager_web().unwrap(), ["http://0.0.0.0:8088"]);
    assert_eq!(configuration.master_expiry().unwrap().as_secs(), 900);
    let missing = Configuration::load(&directory.path().join("none"), Environment::default()).unwrap_err();
    assert!(matches!(missing, ConfigError::Io { .. }));
}

#[test]
fn addresses_follow_the_host_name() {
    let configuration = properties(&[("yarn.resourcemanager.hostname", "rm7")]);
    let at = |service| configuration.resource_manager(service).unwrap()[0].to_string();
    assert_eq!(at(RmService::Scheduler), "rm7:8030");
    assert_eq!(at(RmService::Client), "rm7:8032");
    assert_eq!(at(RmService::Admin), "rm7:8033");
    assert_eq!(configuration.resource_manager_web().unwrap(), ["http://rm7:8088"]);
    let secure = properties(&[("yarn.resourcemanager.hostname", "rm7"), ("yarn.http.policy", "HTTPS_ONLY")]);
    assert_eq!(secure.resource_manager_web().unwrap(), ["https://rm7:8090"]);
}

#[test]
fn each_resource_manager_has_its_own_addresses() {
    let mut configuration = properties(&[
        ("yarn.resourcemanager.ha.enabled", "true"),
        ("yarn.resourcemanager.ha.rm-ids", " rm1 , rm2 "),
        ("yarn.resourcemanager.hostname.rm1", "a"),
        ("yarn.resourcemanager.scheduler.address.rm2", "b:18030"),
        ("yarn.resourcemanager.hostname", "wrong"),
    ]);
    let scheduler = configuration.resource_manager(RmService::Scheduler).unwrap();
    assert_eq!(scheduler.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:8030", "b:18030"]);
    let error = configuration.resource_manager(RmService::Web).unwrap_err().to_string();
    assert!(error.starts_with("yarn.resourcemanager.hostname.rm2 is not set"), "{error}");
    configuration.set("yarn.resourcemanager.hostname.rm2", "b");
    assert_eq!(configuration.resource_manager_web().unwrap(), ["http://a:8088", "http://b:8088"]);
    configuration.set("yarn.resourcemanager.ha.rm-ids", "");
    assert!(matches!(configuration.resource_manager_ids(), Err(ConfigError::Missing { .. })));
}

#[test]
fn a_nameservice_has_several_name_nodes() {
    let configuration = properties(&[
        ("fs.defaultFS", "hdfs://ns"),
        ("dfs.nameservices", "ns,other"),
        ("dfs.ha.namenodes.ns", "n1,n2"),
        ("dfs.namenode.rpc-address.ns.n1", "h1:9000"),
        ("dfs.namenode.rpc-address.ns.n2", "h2"),
        ("dfs.namenode.http-address.ns.n1", "h1:50070"),
        ("dfs.namenode.http-address.ns.n2", "h2:50070"),
        ("dfs.namenode.rpc-address.other", "h3:8020"),
    ]);
    let nodes = |authority| {
        configuration
            .name_nodes(authority)
            .map(|nodes| nodes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(nodes("ns").unwrap(), ["h1:9000", "h2:8020"]);
    assert_eq!(nodes("other").unwrap(), ["h3:8020"]);
    assert_eq!(nodes("h9").unwrap(), ["h9:8020"]);
    assert_eq!(nodes("[::1]:9").unwrap(), ["[::1]:9"]);
    assert!(nodes("a:b:c").is_err());
    assert_eq!(configuration.name_node_web("ns").unwrap(), ["http://h1:50070", "http://h2:50070"]);
    assert_eq!(configuration.name_node_web("h9:1").unwrap(), ["http://h9:9870"]);
    assert!(configuration.name_node_web("other").is_err());
}

#[test]
fn the_default_file_system_is_spelled_out() {
    for (value, expected) in [("hdfs://ns", "hdfs://ns"), ("local", "file:///"), ("h:9000", "hdfs://h:9000")]
    {
        assert_eq!(properties(&[("fs.defaultFS", value)]).default_fs().unwrap(), expected);
    }
}

#[test]
fn single_values_are_read_as_hadoop_reads_them() {
    let value = |value: &str| properties(&[("k", value)]);
    assert_eq!(value(" TRUE ").boolean("k").unwrap(), Some(true));
    assert_eq!(value("yes").boolean("k").unwrap(), None);
    assert_eq!(value(" 0x10 ").integer("k").unwrap(), Some(16));
    assert_eq!(value("-3").integer("k").unwrap(), Some(-3));
    assert_eq!(value("128m").bytes("k").unwrap(), Some(128 << 20));
    assert_eq!(value("2 G").bytes("k").unwrap(), Some(2 << 30));
    assert_eq!(value("90s").milliseconds("k").unwrap(), Some(std::time::Duration::from_secs(90)));
    assert_eq!(value("1500").milliseconds("k").unwrap(), Some(std::time::Duration::from_millis(1500)));
    assert_eq!(value(" a, ,b ").list("k").unwrap(), ["a", "b"]);
    for bad in ["x", "1x", "-1", "99999999999999999999", "16e", "e"] {
        assert!(value(bad).bytes("k").is_err(), "{bad}");
    }
    let error = value("9 parsecs").milliseconds("k").unwrap_err().to_string();
    assert_eq!(
        error,
        "set by the program: k is \"9 parsecs\"; expected a time (90000 for milliseconds, or 90s)"
    );
}

#[test]
fn security_is_told_by_name() {
    let name = "hadoop.security.authentication";
    assert_eq!(properties(&[]).security().unwrap(), Security::Simple);
    assert_eq!(properties(&[(name, "Kerberos")]).security().unwrap(), Security::Kerberos);
    assert!(properties(&[(name, "magic")]).security().is_err());
    let protection =
        properties(&[("hadoop.rpc.protection", "privacy, authentication")]).rpc_protection().unwrap();
    assert_eq!(protection, [Protection::Privacy, Protection::Authentication]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_file_is_read_without_a_panic(text in "(<property>|</property>|<name>|</name>|<value>|</value>|<final>true</final>|\
        <xi:include href=\"(core|hdfs)-site.xml\"/>|<xi:fallback>|</xi:fallback>|<!\\[CDATA\\[|\\]\\]>|<!--|-->|<!DOCTYPE c \\[|\
        <!ENTITY a '|&a;|&amp;|\\$\\{|\\}|[<>&;/'\"]|.){0,40}") {
        let directory = site(&[("core-site.xml", &format!("<configuration>{text}</configuration>")), ("yarn-site.xml", &text)]);
        if let Ok(configuration) = load(&directory) {
            for name in configuration.names() {
                let _ = configuration.get(name);
            }
        }
    }

    #[test]
    fn any_value_is_used_without_a_panic(value in "([0-9a-z:,/ \\[\\]]|.){0,30}") {
        let mut configuration = properties(&[("dfs.nameservices", &value), ("fs.defaultFS", &value), ("k", &value)]);
        configuration.set("yarn.resourcemanager.hostname", value.clone());
        let _ = (configuration.bytes("k"), configuration.milliseconds("k"), configuration.integer("k"));
        let _ = (configuration.default_fs(), configuration.name_nodes(&value), configuration.name_node_web(&value));
        let _ = configuration.resource_manager(RmService::Scheduler);
    }
}

fn site(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn load(directory: &TempDir) -> Result<Configuration, ConfigError> {
    Configuration::load(directory.path(), Environment::default())
}

fn properties(properties: &[(&str, &str)]) -> Configuration {
    let mut configuration = Configuration::defaults(Environment::default());
    for (name, value) in properties {
        configuration.set(name, *value);
    }
    configuration
}

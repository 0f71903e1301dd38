//! An application master against a real Hadoop: the scheduler, the NodeManagers and the NameNode.
//!
//! The masters are unmanaged: YARN starts none, and the tests are masters themselves. Where Java or Maven is missing each
//! test says so and ends.

mod master;

use std::time::{Duration, Instant};

use lapwing_lab::{Lab, Options, Role, RpcProtection, Site};
use master::{Master, SMALL, namenode, upload};
use yarn_client::{
    Ask, ContainerState, ErrorKind, ExitStatus, FileKind, LaunchContext, NodeManagers, Scheduler,
    credentials::Token,
    rest::{ApplicationState, LocalResource},
    shell,
    types::Resource,
};

#[tokio::test]
async fn containers_live_and_end() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let mut am = Master::new(lab).await;
    let registered = am.scheduler.register("here", 1234, "").await.unwrap();
    assert_eq!(registered.maximum, Some(Resource::new(4096, 8)));
    // Hadoop 3.3 leaves the path away.
    assert!(["root.default", "default"].contains(&&*registered.queue), "{}", registered.queue);
    let sleeper = am.container(Ask::new(1, SMALL)).await;
    let report = am.clients.master(am.id).await.unwrap();
    assert_eq!(
        (report.state, report.host.as_str(), report.rpc_port),
        (ApplicationState::Running, "here", 1234)
    );
    assert_eq!(report.attempt, Some(am.scheduler.attempt()));

    am.start(&sleeper, &["sleep", "600"]).await.unwrap();
    am.wait_for_state(&sleeper, ContainerState::Running).await;
    let error = am.start(&sleeper, &["sleep", "600"]).await.unwrap_err();
    assert!(error.to_string().contains("relaunch"), "{error}");
    am.nodes.stop(&sleeper).await.unwrap();
    let ended = am.end_of(sleeper.id).await;
    assert_eq!(ended.exit_status, ExitStatus::KilledByMaster);
    assert_eq!(ended.explain(), "was stopped by its application master");

    for (key, words, exit_status) in
        [(2, &["true"][..], ExitStatus::Success), (3, &["sh", "-c", "exit 3"], ExitStatus::Exited(3))]
    {
        let container = am.container(Ask::new(key, SMALL)).await;
        am.start(&container, words).await.unwrap();
        assert_eq!(am.end_of(container.id).await.exit_status, exit_status);
    }
    let greedy = am.container(Ask::new(4, SMALL)).await;
    // It holds what it took, or it could be over before the node looks, once a second.
    let hold = "(head -c 600000000 /dev/zero; sleep 60) | tail";
    am.start(&greedy, &["sh", "-c", hold]).await.unwrap();
    let ended = am.end_of(greedy.id).await;
    assert_eq!(ended.exit_status, ExitStatus::MemoryExceeded);
    let told = ended.explain();
    assert!(told.starts_with("was killed for using ") && told.ends_with(" of 256 MiB"), "{told}");
    let unused = am.container(Ask::new(5, SMALL)).await;
    am.scheduler.release(unused.id);
    assert_eq!(am.end_of(unused.id).await.exit_status, ExitStatus::Aborted);

    am.finish().await;
}

/// What a second attempt sees. An unmanaged master may register twice if its containers are kept.
#[tokio::test]
async fn a_new_master_finds_the_containers_of_the_old_one() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let mut am = Master::registered(lab).await;
    let sleeper = am.container(Ask::new(7, SMALL)).await;
    am.start(&sleeper, &["sleep", "600"]).await.unwrap();
    am.wait_for_state(&sleeper, ContainerState::Running).await;
    // The ResourceManager has to hear of it from the node's next heartbeat.
    tokio::time::sleep(Duration::from_millis(500)).await;

    am.scheduler = Scheduler::new(vec!["127.0.0.1:1".into(), lab.rm_scheduler()], &am.token).unwrap();
    am.nodes = NodeManagers::new();
    let registered = am.scheduler.register("", -1, "").await.unwrap();
    am.nodes.add_tokens(registered.node_tokens);
    let found = registered.previous.iter().find(|container| container.id == sleeper.id).unwrap();
    assert_eq!((found.key, &found.node), (7, &sleeper.node));
    am.wait_for_state(found, ContainerState::Running).await;
    am.nodes.stop(found).await.unwrap();
    assert_eq!(am.end_of(found.id).await.exit_status, ExitStatus::KilledByMaster);
    am.finish().await;
}

#[tokio::test]
async fn a_container_runs_where_it_is_wanted() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let mut am = Master::registered(lab).await;
    let host = |node: usize| lab.nodes()[node].host.clone();
    for (key, node) in [(1, 2), (2, 0), (3, 1)] {
        let ask = Ask { hosts: vec![host(node)], relax: false, ..Ask::new(key, SMALL) };
        assert_eq!(am.container(ask).await.node.host, host(node));
    }
    am.scheduler.avoid(&host(0));
    am.scheduler.avoid(&host(1));
    for key in 10..13 {
        assert_eq!(am.container(Ask::new(key, SMALL)).await.node.host, host(2));
    }
    am.scheduler.allow(&host(0));
    let ask = Ask { hosts: vec![host(0)], relax: false, ..Ask::new(20, SMALL) };
    assert_eq!(am.container(ask).await.node.host, host(0));
    am.finish().await;
}

#[tokio::test]
async fn mistakes_are_told_and_can_be_mended() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let mut am = Master::new(lab).await;
    // Not registered yet: registers by itself, with nothing to show.
    assert!(am.scheduler.allocate(0.0).await.unwrap().resynced.is_some());

    am.scheduler.ask(Ask::new(1, Resource::new(1 << 20, 1)));
    let error = am.scheduler.allocate(0.0).await.unwrap_err();
    assert!(error.is("InvalidResourceRequestException"), "{error}");
    am.scheduler.cancel(1);
    let container = am.container(Ask::new(2, SMALL)).await;

    let elsewhere = NodeManagers::new();
    let error = elsewhere.status(&container).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    let error = am.nodes.status(&container).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Remote { .. }), "never started: {error}");

    let missing = LocalResource::file(format!("{}/no/such/file", lab.default_fs()), 1, 1);
    let mut context = LaunchContext { command: "true".into(), ..LaunchContext::default() };
    context.local_resources.insert("file".into(), missing);
    am.nodes.start(&container, &context).await.unwrap();
    let ended = am.end_of(container.id).await;
    assert_eq!(ended.exit_status, ExitStatus::NeverRan);
    assert!(ended.explain().contains("/no/such/file"), "{}", ended.explain());

    let forged = Token { password: b"guess".to_vec(), ..am.token.clone() };
    let mut stranger = Scheduler::new(vec![lab.rm_scheduler()], &forged).unwrap();
    let error = stranger.register("", -1, "").await.unwrap_err();
    assert!(error.is("SaslException"), "{error}");
    am.finish().await;
    assert!(am.scheduler.allocate(1.0).await.unwrap_err().is_attempt_over());
}

#[tokio::test]
async fn files_secrets_and_variables_reach_the_process() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let mut am = Master::registered(lab).await;
    let remote = upload(lab, "shipped", b"shipped", 1 << 20);
    let status = am.namenode.status(&remote).await.unwrap().unwrap();
    let file =
        LocalResource::file(format!("{}{remote}", lab.default_fs()), status.length, status.modified_ms);
    let test =
        r#"test "$(cat file)$VARIABLE" = 'shippeda "b" $c' && grep -q hush "$HADOOP_TOKEN_FILE_LOCATION""#;
    let mut context =
        LaunchContext { command: shell::command(["sh", "-c", test]), ..LaunchContext::default() };
    context.local_resources.insert("file".into(), file);
    context.environment.insert("VARIABLE".into(), shell::literal(r#"a "b" $c"#));
    context.credentials.secrets.insert("secret".into(), b"hush".to_vec());
    context.credentials.tokens.insert(String::new(), am.token.clone());
    let container = am.container(Ask::new(1, SMALL)).await;
    am.nodes.start(&container, &context).await.unwrap();
    let ended = am.end_of(container.id).await;
    assert_eq!(ended.exit_status, ExitStatus::Success, "{}", ended.diagnostics);
    am.finish().await;
}

#[tokio::test]
async fn blocks_are_where_the_namenode_says() {
    let options = Options::default().quick();
    let Some(lab) = Lab::shared_for_test(options) else { return };
    let namenode = namenode(lab);
    let length = 5000;
    let remote = upload(lab, "blocks", &vec![b'x'; length], 2048);
    let expected = lab.block_hosts(&remote).unwrap();
    let blocks = namenode.block_locations(&remote, 0..u64::MAX).await.unwrap();
    let extents: Vec<_> = blocks.iter().map(|block| (block.offset, block.length)).collect();
    assert_eq!(extents, [(0, 2048), (2048, 2048), (4096, 904)]);
    let sorted = |hosts: &[String]| {
        let mut hosts = hosts.to_vec();
        hosts.sort();
        hosts
    };
    for (block, hosts) in blocks.iter().zip(&expected) {
        assert_eq!(sorted(&block.hosts), sorted(hosts));
        assert!(!block.corrupt && block.racks.iter().all(|rack| rack == "/default-rack"));
    }
    // Exactly the blocks that the range touches.
    let offsets = |range| async {
        let blocks = namenode.block_locations(&remote, range).await.unwrap();
        blocks.iter().map(|block| block.offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(2047..2049).await, [0, 2048]);
    assert_eq!(offsets(2048..4096).await, [2048]);
    assert_eq!(offsets(4999..5000).await, [4096]);
    assert!(offsets(5000..6000).await.is_empty());
    assert!(offsets(7..7).await.is_empty());

    let directory = remote.rsplit_once('/').unwrap().0;
    let listed = namenode.list(directory).await.unwrap();
    let file = listed.iter().find(|file| file.path == remote).unwrap();
    assert_eq!((file.kind, file.length, file.block_size), (FileKind::File, 5000, 2048));
    assert_eq!(file.blocks.iter().map(|block| (block.offset, block.length)).collect::<Vec<_>>(), extents);
    assert_eq!(namenode.list(&remote).await.unwrap()[0].path, remote);
    assert_eq!(namenode.status(directory).await.unwrap().unwrap().kind, FileKind::Directory);
    assert_eq!(namenode.status("/not/there").await.unwrap(), None);
    for error in [
        namenode.list("/not/there").await.unwrap_err(),
        namenode.block_locations("/not/there", 0..1).await.unwrap_err(),
    ] {
        assert!(error.is("FileNotFoundException"), "{error}");
    }
}

/// One lab of its own, with everything encrypted and a new AMRM key every 35 s: first the roll-over, then a ResourceManager
/// that is killed and comes back, at last a node that is gone.
#[tokio::test]
async fn new_tokens_restarts_and_losses_are_survived() {
    let options = Options::default()
        .quick()
        .nodes(1)
        .rpc_protection(RpcProtection::Privacy)
        .property(Site::Yarn, "yarn.am.liveness-monitor.expiry-interval-ms", "10000")
        .property(Site::Yarn, "yarn.resourcemanager.am-rm-tokens.master-key-rolling-interval-secs", "35");
    let Some(lab) = Lab::start_for_test(options) else { return };
    let mut am = Master::registered(&lab).await;
    let sleeper = am.container(Ask::new(1, SMALL)).await;
    am.start(&sleeper, &["sleep", "600"]).await.unwrap();

    // The first key is good until 1.5 times the expiry after the roll-over. Whoever connects after that needs the second.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        am.beat().await;
        tokio::time::sleep(am.scheduler.pace()).await;
    }
    am.wait_for_state(&sleeper, ContainerState::Running).await;
    // More than the lab has room for: waits, and must be asked for again after the restart.
    am.scheduler.ask(Ask::new(2, Resource::new(4096, 1)));
    am.beat().await;

    lab.kill(Role::ResourceManager).unwrap();
    lab.launch(Role::ResourceManager).unwrap();
    let beat = am.beat().await;
    assert!(beat.resynced.is_some());
    let old = Scheduler::new(vec![lab.rm_scheduler()], &am.token).unwrap().register("", -1, "").await;
    assert!(old.unwrap_err().is_attempt_over(), "the token has changed");

    am.wait_for_state(&sleeper, ContainerState::Running).await;
    am.nodes.stop(&sleeper).await.unwrap();
    am.end_of(sleeper.id).await;
    let second = am.granted(2).await;
    assert_eq!(second.id.epoch(), 1, "given by the restarted ResourceManager");
    am.start(&second, &["true"]).await.unwrap();
    assert_eq!(am.end_of(second.id).await.exit_status, ExitStatus::Success);

    let third = am.container(Ask::new(3, SMALL)).await;
    am.start(&third, &["sleep", "600"]).await.unwrap();
    am.wait_for_state(&third, ContainerState::Running).await;
    lab.crash_node(1).unwrap();
    let ended = am.end_of(third.id).await;
    assert_eq!(
        (ended.exit_status, ended.explain().as_str()),
        (ExitStatus::Aborted, "was lost with its node")
    );
    assert!(am.lost.contains(&third.node));
    am.finish().await;
}

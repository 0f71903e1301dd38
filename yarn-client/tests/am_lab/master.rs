//! An application master to be steered by a test.

use std::{
    fs,
    time::{Duration, Instant},
};

use lapwing_lab::Lab;
use yarn_client::{
    ApplicationClient, Ask, Beat, Completed, Container, ContainerState, Error, FinalStatus, Identity,
    LaunchContext, NameNode, NodeManagers, Scheduler,
    config::{Configuration, Environment, RmService},
    credentials::Token,
    rest::{ApplicationState, ResourceManager, Submission},
    shell,
    types::{ApplicationId, ContainerId, NodeId, Resource},
};

pub(crate) const SMALL: Resource = Resource::new(256, 1);

const PATIENCE: Duration = Duration::from_secs(90);
const USER: &str = "alice";

/// An application whose master is this test.
pub(crate) struct Master<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) id: ApplicationId,
    pub(crate) token: Token,
    pub(crate) clients: ApplicationClient,
    pub(crate) scheduler: Scheduler,
    pub(crate) nodes: NodeManagers,
    pub(crate) namenode: NameNode,
    pub(crate) granted: Vec<Container>,
    pub(crate) completed: Vec<Completed>,
    pub(crate) lost: Vec<NodeId>,
}

impl<'a> Master<'a> {
    pub(crate) async fn new(lab: &'a Lab) -> Self {
        let rest = ResourceManager::new([lab.rm_web()]).unwrap().user(USER);
        let id = rest.new_application().await.unwrap().id;
        let submission = Submission {
            unmanaged: true,
            keep_containers: true,
            max_attempts: Some(1),
            ..Submission::new(id, "unmanaged", "true", SMALL)
        };
        rest.submit(&submission).await.unwrap();
        let configuration = Configuration::load(lab.conf_dir(), Environment::of_process()).unwrap();
        let addresses = configuration.resource_manager(RmService::Client).unwrap();
        let addresses = addresses.iter().map(ToString::to_string).collect();
        let clients = ApplicationClient::new(addresses, Identity::User(USER.into()));
        let started = Instant::now();
        let token = loop {
            let report = clients.master(id).await.unwrap();
            if let Some(token) = report.am_rm_token {
                break token;
            }
            assert!(started.elapsed() < PATIENCE && !report.state.is_final(), "{report:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let scheduler = Scheduler::new(vec![lab.rm_scheduler()], &token).unwrap();
        assert_eq!(scheduler.attempt(), id.attempt(1));
        Self {
            lab,
            id,
            token,
            clients,
            scheduler,
            nodes: NodeManagers::new(),
            namenode: namenode(lab),
            granted: Vec::new(),
            completed: Vec::new(),
            lost: Vec::new(),
        }
    }

    pub(crate) async fn registered(lab: &'a Lab) -> Self {
        let mut am = Self::new(lab).await;
        am.scheduler.register("", -1, "").await.unwrap();
        am
    }

    pub(crate) async fn beat(&mut self) -> Beat {
        let beat = self.scheduler.allocate(0.5).await.unwrap();
        self.nodes.add_tokens(beat.node_tokens.iter().cloned());
        self.granted.extend(beat.granted.iter().cloned());
        self.completed.extend(beat.completed.iter().cloned());
        self.lost.extend(
            beat.nodes.iter().filter(|change| change.state.is_gone()).map(|change| change.node.clone()),
        );
        beat
    }

    pub(crate) async fn container(&mut self, ask: Ask) -> Container {
        let key = ask.key;
        self.scheduler.ask(ask);
        self.granted(key).await
    }

    pub(crate) async fn granted(&mut self, key: i64) -> Container {
        let started = Instant::now();
        loop {
            if let Some(at) = self.granted.iter().position(|container| container.key == key) {
                return self.granted.remove(at);
            }
            assert!(started.elapsed() < PATIENCE, "no container for {key}");
            self.beat().await;
            tokio::time::sleep(self.scheduler.pace()).await;
        }
    }

    pub(crate) async fn end_of(&mut self, id: ContainerId) -> Completed {
        let started = Instant::now();
        loop {
            if let Some(at) = self.completed.iter().position(|completed| completed.id == id) {
                return self.completed.remove(at);
            }
            assert!(started.elapsed() < PATIENCE, "{id} has not ended");
            self.beat().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn start(&self, container: &Container, words: &[&str]) -> Result<(), Error> {
        let context = LaunchContext { command: shell::command(words), ..LaunchContext::default() };
        self.nodes.start(container, &context).await
    }

    pub(crate) async fn wait_for_state(&self, container: &Container, state: ContainerState) {
        let started = Instant::now();
        loop {
            let status = self.nodes.status(container).await.unwrap();
            if status.state == state {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{status:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn finish(&mut self) {
        self.scheduler.finish(FinalStatus::Succeeded, "all done", "").await.unwrap();
        let rest = ResourceManager::new([self.lab.rm_web()]).unwrap().user(USER);
        let started = Instant::now();
        let report = loop {
            let report = rest.report(self.id).await.unwrap();
            if report.state.is_final() {
                break report;
            }
            assert!(started.elapsed() < PATIENCE, "{report:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!((report.state, report.final_status), (ApplicationState::Finished, FinalStatus::Succeeded));
        assert!(report.diagnostics.trim().ends_with("all done"), "{}", report.diagnostics);
    }
}

pub(crate) fn namenode(lab: &Lab) -> NameNode {
    let address = lab.default_fs().strip_prefix("hdfs://").unwrap().to_owned();
    NameNode::new(vec![address], Identity::User(USER.into()))
}

/// Puts a file into a folder of this run's own.
pub(crate) fn upload(lab: &Lab, name: &str, bytes: &[u8], block_size: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join(name);
    fs::write(&local, bytes).unwrap();
    let remote = format!("/tmp/am-lab-{}-{name}/{name}", std::process::id());
    let setting = format!("dfs.blocksize={block_size}");
    let parent = remote.rsplit_once('/').unwrap().0;
    assert!(lab.fs(["-mkdir", "-p", parent]).unwrap().status.success());
    let local = local.to_str().unwrap();
    let output = lab.fs(["-D", &setting, "-put", local, &remote]).unwrap();
    assert!(output.status.success(), "{output:?}");
    remote
}

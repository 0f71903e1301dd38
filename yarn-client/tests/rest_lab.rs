//! The REST client and the configuration reader against a real Hadoop.
//!
//! One lab serves all of these tests. Where Java or Maven is missing each test says so and ends.

use std::fs;
use std::time::Duration;

use lapwing_lab::{Lab, Options};
use tempfile::TempDir;
use yarn_client::config::{Configuration, Environment, RmService};
use yarn_client::credentials::{Credentials, kind};
use yarn_client::rest::{ApplicationReport, ApplicationState, FinalStatus, LocalResource, RestError};
use yarn_client::rest::{ResourceManager, Submission};
use yarn_client::shell;
use yarn_client::types::{ApplicationId, Resource};

#[test]
fn the_configuration_leads_to_the_cluster() {
    let Some(lab) = lab() else { return };
    let configuration = Configuration::load(lab.conf_dir(), Environment::of_process()).unwrap();
    assert_eq!(configuration.resource_manager_web().unwrap(), [lab.rm_web()]);
    assert_eq!(configuration.default_fs().unwrap(), lab.default_fs());
    let scheduler = configuration.resource_manager(RmService::Scheduler).unwrap();
    assert_eq!(scheduler[0].to_string(), lab.rm_scheduler());
    let authority = lab.default_fs();
    let authority = authority.strip_prefix("hdfs://").unwrap();
    assert_eq!(configuration.name_nodes(authority).unwrap()[0].to_string(), authority);
    assert_eq!(configuration.name_node_web(authority).unwrap(), [lab.namenode_web()]);
}

#[tokio::test]
async fn the_cluster_shows_its_nodes_queues_and_numbers() {
    let Some((lab, yarn)) = yarn() else { return };
    let mut nodes = yarn.nodes().await.unwrap();
    nodes.sort_by_key(|node| node.id.to_string());
    let mut expected: Vec<&str> = lab.nodes().iter().map(|node| node.address.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(nodes.iter().map(|node| node.id.to_string()).collect::<Vec<_>>(), expected);
    assert!(nodes.iter().all(|node| node.is_running() && node.rack.starts_with('/')), "{nodes:?}");

    let info = yarn.cluster_info().await.unwrap();
    assert!(info.is_active && info.version == lab.options().hadoop_version, "{info:?}");
    let metrics = yarn.cluster_metrics().await.unwrap();
    let per_node = Resource::new(lab.options().node_memory_mb.into(), lab.options().node_vcores);
    let total = lab.nodes().iter().fold(Resource::default(), |sum, _| sum.plus(per_node));
    assert_eq!((metrics.total, metrics.active_nodes), (total, nodes.len() as u64));
    assert_eq!(metrics.available.plus(metrics.allocated), total);

    let queue = yarn.queue("default").await.unwrap().unwrap();
    assert!(queue.path == "root.default" && queue.is_leaf && queue.is_running(), "{queue:?}");
    assert!(
        queue.room().unwrap().fits_in(total) && queue.largest_container.unwrap().fits_in(per_node),
        "{queue:?}"
    );
    assert_eq!(yarn.queue("nowhere").await.unwrap(), None);

    let name = "yarn.resourcemanager.scheduler.address";
    assert_eq!(yarn.property(name).await.unwrap(), Some(lab.rm_scheduler()));
    assert_eq!(yarn.property("no.such.property").await.unwrap(), None);
}

#[tokio::test]
async fn an_application_is_submitted_watched_and_killed() {
    let Some((_, yarn)) = yarn() else { return };
    let mut nap = submission(&yarn, "nap", shell::command(["sleep", "300"])).await;
    nap.tags = vec!["one".into(), "two".into()];
    yarn.submit(&nap).await.unwrap();
    // The same again, as a client does that has not seen the answer.
    yarn.submit(&nap).await.unwrap();
    let report = wait(&yarn, nap.id, |report| report.master_node.is_some()).await;
    assert_eq!((report.name.as_str(), report.user.as_str()), ("nap", USER));
    assert_eq!((report.state, report.final_status), (ApplicationState::Accepted, FinalStatus::Undefined));
    assert_eq!((report.running_containers, report.allocated), (1, SMALL));
    assert!(report.started_ms > 0 && report.finished_ms == 0 && report.master_logs.is_some(), "{report:?}");
    let mut tags = report.tags.clone();
    tags.sort_unstable();
    assert_eq!(tags, ["one", "two"]);

    assert_eq!(yarn.kill(nap.id, PATIENCE).await.unwrap(), ApplicationState::Killed);
    let report = yarn.report(nap.id).await.unwrap();
    assert_eq!((report.state, report.final_status), (ApplicationState::Killed, FinalStatus::Killed));
    assert_eq!(
        yarn.kill(nap.id, Duration::ZERO).await.unwrap(),
        ApplicationState::Killed,
        "twice is as good as once"
    );
}

#[tokio::test]
async fn a_master_that_does_not_register_has_failed() {
    let Some((_, yarn)) = yarn() else { return };
    let quick = submission(&yarn, "quick", shell::command(["true"])).await;
    yarn.submit(&quick).await.unwrap();
    let report = wait(&yarn, quick.id, |report| report.state.is_final()).await;
    assert_eq!(report.state, ApplicationState::Failed);
    assert_eq!(yarn.state(quick.id).await.unwrap(), ApplicationState::Failed);
    assert!(report.diagnostics.contains("exitCode: 0"), "{}", report.diagnostics);
    assert_eq!(yarn.kill(quick.id, Duration::ZERO).await.unwrap(), ApplicationState::Failed, "too late");
}

#[tokio::test]
async fn environment_words_files_and_secrets_arrive_as_they_were_given() {
    let Some((lab, yarn)) = yarn() else { return };
    let hard = "a'b\"c $HOME `date` \\ \\\\ {{PWD}} }} <LOG_DIR> <CPS> ; & | * ~ !x\nend";
    let folder = world_writable();
    let out = folder.path().join("out").display().to_string();
    let script = "printf '%s|%s|%s|' \"$1\" \"$HARD\" \"$OPEN\" >\"$2\" && cat shipped >>\"$2\" && \
                  cp \"$HADOOP_TOKEN_FILE_LOCATION\" \"$2.tokens\" && chmod 644 \"$2.tokens\" && touch \"$2.done\"";
    let mut app = submission(&yarn, "hard", shell::command(["bash", "-c", script, "-", hard, &out])).await;
    app.environment =
        [("HARD".into(), shell::literal(hard)), ("OPEN".into(), "{{CONTAINER_ID}}".into())].into();
    app.credentials.secrets = [("job".into(), vec![0, 1, 254, 255])].into();
    app.local_resources = [("shipped".into(), shipped(lab, &folder).await)].into();
    yarn.submit(&app).await.unwrap();
    let report = wait(&yarn, app.id, |report| report.state.is_final()).await;

    assert!(fs::exists(format!("{out}.done")).unwrap(), "{}", report.diagnostics);
    let container = app.id.attempt(1).container(1);
    assert_eq!(fs::read_to_string(&out).unwrap(), format!("{hard}|{hard}|{container}|shipped"));
    let credentials = Credentials::read_file(format!("{out}.tokens").as_ref()).unwrap();
    assert_eq!(credentials.secrets.get("job"), Some(&vec![0, 1, 254, 255]));
    assert_eq!(credentials.token_of_kind(kind::AM_RM).unwrap().service, "");
    assert!(credentials.for_containers().tokens.is_empty());
}

#[tokio::test]
async fn an_unknown_queue_fails_the_application() {
    let Some((_, yarn)) = yarn() else { return };
    let mut lost = submission(&yarn, "lost", shell::command(["true"])).await;
    lost.queue = "nowhere".into();
    yarn.submit(&lost).await.unwrap();
    let report = wait(&yarn, lost.id, |report| report.state.is_final()).await;
    assert!(report.state == ApplicationState::Failed && report.diagnostics.contains("nowhere"), "{report:?}");
}

#[tokio::test]
async fn a_master_larger_than_any_node_is_refused() {
    let Some((_, yarn)) = yarn() else { return };
    let new = yarn.new_application().await.unwrap();
    let resource = Resource::new(new.largest_container.memory_mb + 1, 1);
    let error =
        yarn.submit(&Submission::new(new.id, "huge", shell::command(["true"]), resource)).await.unwrap_err();
    assert!(
        matches!(&error, RestError::Remote { status: 400, class, .. } if class == "BadRequestException"),
        "{error}"
    );
}

#[tokio::test]
async fn an_unknown_application_is_not_found() {
    let Some((_, yarn)) = yarn() else { return };
    let id = ApplicationId::new(123, 4);
    assert!(yarn.report(id).await.unwrap_err().is_not_found());
    assert!(yarn.state(id).await.unwrap_err().is_not_found());
    assert!(yarn.kill(id, Duration::ZERO).await.unwrap_err().is_not_found());
}

const USER: &str = "alice";
const SMALL: Resource = Resource::new(128, 1);
const PATIENCE: Duration = Duration::from_secs(60);

fn lab() -> Option<&'static Lab> {
    Lab::shared_for_test(Options::default().quick())
}

fn yarn() -> Option<(&'static Lab, ResourceManager)> {
    let lab = lab()?;
    Some((lab, ResourceManager::new([lab.rm_web()]).unwrap().user(USER)))
}

async fn submission(yarn: &ResourceManager, name: &str, command: String) -> Submission {
    let new = yarn.new_application().await.unwrap();
    Submission { max_attempts: Some(1), ..Submission::new(new.id, name, command, SMALL) }
}

async fn wait(
    yarn: &ResourceManager,
    id: ApplicationId,
    until: fn(&ApplicationReport) -> bool,
) -> ApplicationReport {
    let began = std::time::Instant::now();
    loop {
        let report = yarn.report(id).await.unwrap();
        if until(&report) {
            return report;
        }
        assert!(began.elapsed() < PATIENCE, "{report:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A file in HDFS with `shipped` in it, and its length and time as HDFS has them.
async fn shipped(lab: &Lab, folder: &TempDir) -> LocalResource {
    let local = folder.path().join("shipped");
    fs::write(&local, "shipped").unwrap();
    let remote = format!("/rest-lab-{}", std::process::id());
    lab.put(&local, &remote).unwrap();
    let address = format!("{}/webhdfs/v1{remote}?op=GETFILESTATUS", lab.namenode_web());
    let status = reqwest::get(address).await.unwrap().text().await.unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let modified = status["FileStatus"]["modificationTime"].as_i64().unwrap();
    LocalResource::file(format!("{}{remote}", lab.default_fs()), 7, modified)
}

/// Containers may run as another user than the test does.
fn world_writable() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

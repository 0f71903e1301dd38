use super::cluster::resource;
use super::json::Fields;
use crate::types::Resource;

/// One queue of the scheduler (the capacity scheduler tells all of this, the fair scheduler most, the FIFO scheduler has no
/// queues).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QueueReport {
    /// Its last name: `default`.
    pub name: String,
    /// Its full name: `root.default`.
    pub path: String,
    /// Whether applications are submitted to it (others only hold queues).
    pub is_leaf: bool,
    /// `RUNNING`; `STOPPED` and `DRAINING` take no applications.
    pub state: String,
    /// Its share of the cluster, from 0 to 1.
    pub capacity: Option<f64>,
    /// What is used of the cluster in it, from 0 to 1.
    pub used_capacity: Option<f64>,
    /// The share of the cluster that it can never exceed, from 0 to 1.
    pub max_capacity: Option<f64>,
    /// What its containers were promised.
    pub used: Resource,
    /// What its containers can have together at most; further limits of queues above count.
    pub max: Option<Resource>,
    /// What one user's containers can have in it at most, whatever is free.
    pub user_max: Option<Resource>,
    /// The largest container that it gives.
    pub largest_container: Option<Resource>,
    /// Applications that run.
    pub running_applications: u64,
    /// Applications that wait for their master's container.
    pub pending_applications: u64,
}

impl QueueReport {
    /// What a user who has nothing in it yet could still get, if the cluster has it free; `None` if the scheduler sets no
    /// limit that it tells.
    pub fn room(&self) -> Option<Resource> {
        let below_max = self.max.map(|max| max.minus(self.used));
        match (below_max, self.user_max) {
            (Some(room), Some(user)) => Some(smaller(room, user)),
            (room, user) => room.or(user),
        }
    }

    /// Whether it takes applications.
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }

    /// All queues of a scheduler's answer, each before those that it holds.
    pub(super) fn read_all(scheduler: Fields<'_>) -> Vec<Self> {
        let mut queues = Vec::new();
        let fair = scheduler.of("rootQueue");
        collect(if fair.is_missing() { scheduler } else { fair }, None, 0, &mut queues);
        queues
    }
}

/// Deeper nesting than any scheduler allows is somebody's joke.
const MAX_DEPTH: usize = 64;

fn collect(queue: Fields<'_>, above: Option<&QueueReport>, depth: usize, queues: &mut Vec<QueueReport>) {
    let mut report = read(queue, above.map(|above| above.path.as_str()));
    if let Some(above) = above.and_then(|above| above.max) {
        report.max = Some(report.max.map_or(above, |max| smaller(max, above)));
    }
    // The FIFO scheduler answers with one object that has no name.
    if !report.name.is_empty() {
        queues.push(report.clone());
    }
    if depth < MAX_DEPTH {
        let capacity = queue.of("queues").list("queue");
        let fair = queue.of("childQueues").list("queue");
        capacity.chain(fair).for_each(|inner| collect(inner, Some(&report), depth + 1, queues));
    }
}

fn read(queue: Fields<'_>, above: Option<&str>) -> QueueReport {
    let full = queue.text("queueName");
    let name = full.rsplit('.').next().unwrap_or_default().to_string();
    let path = queue.text_or_none("queuePath").unwrap_or_else(|| match above {
        // Before Hadoop 3.3 the capacity scheduler gave the last name alone.
        Some(above) if !full.contains('.') => format!("{above}.{full}"),
        _ => full.clone(),
    });
    let share = |name| queue.number(name).map(|percent| percent / 100.0);
    let inner = queue.of("queues").list("queue").chain(queue.of("childQueues").list("queue")).next();
    let factor = queue.number("userLimitFactor").filter(|factor| *factor > 0.0);
    let guaranteed = resource(queue.of("minEffectiveCapacity"));
    let running = queue.integer("numActiveApplications").or_else(|| queue.integer("numActiveApps"));
    let pending = queue.integer("numPendingApplications").or_else(|| queue.integer("numPendingApps"));
    QueueReport {
        name,
        path,
        is_leaf: inner.is_none(),
        state: queue.text_or_none("state").unwrap_or_else(|| "RUNNING".into()),
        capacity: share("absoluteCapacity").or_else(|| share("capacity")),
        used_capacity: share("absoluteUsedCapacity").or_else(|| share("usedCapacity")),
        max_capacity: share("absoluteMaxCapacity").or_else(|| share("maxCapacity")),
        used: resource(queue.of("resourcesUsed"))
            .or_else(|| resource(queue.of("usedResources")))
            .unwrap_or_default(),
        max: resource(queue.of("maxEffectiveCapacity")).or_else(|| resource(queue.of("maxResources"))),
        user_max: guaranteed.zip(factor).map(|(guaranteed, factor)| times(guaranteed, factor)),
        largest_container: resource(queue.of("maximumAllocation")),
        running_applications: running.map_or(0, |count| count.max(0) as u64),
        pending_applications: pending.map_or(0, |count| count.max(0) as u64),
    }
}

fn smaller(a: Resource, b: Resource) -> Resource {
    Resource::new(a.memory_mb.min(b.memory_mb), a.vcores.min(b.vcores))
}

fn times(resource: Resource, factor: f64) -> Resource {
    // Casts from float stop at the largest number.
    Resource::new((resource.memory_mb as f64 * factor) as u64, (f64::from(resource.vcores) * factor) as u32)
}

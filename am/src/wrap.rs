//! Which algorithm a job runs: the user's, or one around it. A grid of configurations, rows that are only scored, and predictions
//! are algorithms of their own, so that no engine knows of them.

use lapwing_container::algorithm::Algorithm;

use crate::error::Failure;
use crate::job::{Job, Point};
use crate::output;
use crate::predict::Predict;
use crate::sweep::Sweep;
use crate::validate::Validated;

/// What is done with the algorithm, once it is known which.
pub(crate) trait Play {
    type Done;

    /// The job that it is done for.
    fn job(&self) -> &Job;

    fn play<A: Algorithm>(self, algorithm: A) -> Result<Self::Done, Failure>;
}

/// Plays with what the job asks for around the user's algorithm; `points` are those of a grid, if there is one.
pub(crate) fn wrapped<A: Algorithm, P: Play>(
    algorithm: A,
    points: Vec<(Point, A)>,
    play: P,
) -> Result<P::Done, Failure> {
    let job = play.job();
    if let Some(model) = &job.predict {
        let predict = Predict::new(algorithm, output::read(model)?, job);
        return play.play(predict);
    }
    if !job.has_lanes() {
        return play.play(algorithm);
    }
    let unnamed = Point { name: String::new(), arguments: job.arguments.clone() };
    let points = if points.is_empty() { vec![(unnamed, algorithm)] } else { points };
    let points = points.into_iter().map(|(point, lane)| (point, Validated::new(lane, job.training)));
    let sweep = Sweep::new(points.collect(), job.tolerance);
    play.play(sweep)
}

//! `--tolerance`: whether a pass changed the objective so little that no other is needed.

use lapwing_container::algorithm::Pass;

/// Rows that objectives are compared over: none if some were seen in an earlier pass.
pub(crate) fn comparable_rows(pass: &Pass<'_>) -> u64 {
    if pass.rows_stale == 0 { pass.rows_covered } else { 0 }
}

/// `--tolerance`: objectives of different coverage are not compared, nor those in which older updates stand in.
pub(crate) fn converged(
    tolerance: Option<f64>,
    last: Option<(f64, u64)>,
    (objective, rows): (f64, u64),
) -> bool {
    let (Some(tolerance), Some((before, covered))) = (tolerance, last) else { return false };
    let scale = before.abs().max(objective.abs()).max(f64::MIN_POSITIVE);
    rows > 0 && covered == rows && (before - objective).abs() <= tolerance * scale
}

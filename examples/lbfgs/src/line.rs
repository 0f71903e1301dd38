//! Points on the line from one point to the next, in numbers of steps from its start.

/// So many steps along a direction from a point.
pub(crate) fn walk(from: &[f32], along: &[f32], steps: f64) -> Vec<f32> {
    from.iter().zip(along).map(|(&old, &along)| (f64::from(old) + steps * f64::from(along)) as f32).collect()
}

/// Where the cubic with these values and slopes at 0 and 1 has its minimum (Nocedal and Wright, "Numerical Optimization", 2006,
/// equation 3.59): beyond 1, but not too far, if the objective `falls` on the whole way; else before.
pub(crate) fn cubic(values: [f64; 2], slopes: [f64; 2], falls: bool) -> f64 {
    let theta = 3.0 * (values[0] - values[1]) + slopes[0] + slopes[1];
    let root = (theta * theta - slopes[0] * slopes[1]).sqrt();
    let step = 1.0 - (slopes[1] + root - theta) / (slopes[1] - slopes[0] + 2.0 * root);
    match (falls, step.is_finite()) {
        (true, finite) => {
            if finite && step > 1.0 {
                step.min(FARTHEST)
            } else {
                FARTHEST
            }
        }
        (false, true) => step.clamp(0.05, 0.7),
        (false, false) => 0.1,
    }
}

/// Longest step beyond a trial that was too short.
const FARTHEST: f64 = 10.0;

/// The step of the lowest of these points (step and value; the first is where the line starts), moved to the minimum of the
/// parabola through it and its neighbours; none if no step leads down.
pub(crate) fn lowest(mut line: Vec<(f64, f64)>) -> Option<f64> {
    line.retain(|(_, value)| value.is_finite());
    line.sort_by(|a, b| a.0.total_cmp(&b.0));
    let best = (0..line.len()).min_by(|&a, &b| line[a].1.total_cmp(&line[b].1)).filter(|&best| best > 0)?;
    let ((left, a), (step, value)) = (line[best - 1], line[best]);
    let Some(&(right, b)) = line.get(best + 1) else { return Some(step) };
    let (back, ahead) = ((step - left) * (value - b), (step - right) * (value - a));
    let curvature = back - ahead;
    let moved = step - 0.5 * ((step - left) * back - (step - right) * ahead) / curvature;
    Some(if curvature != 0.0 && moved > left && moved < right { moved } else { step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cubic_is_met_exactly() {
        // (t - 3)² (t + 5): minimum at 3; and (t - 1/2)²: minimum at 1/2.
        let value = |t: f64| (t - 3.0) * (t - 3.0) * (t + 5.0);
        let slope = |t: f64| 2.0 * (t - 3.0) * (t + 5.0) + (t - 3.0) * (t - 3.0);
        assert!((cubic([value(0.0), value(1.0)], [slope(0.0), slope(1.0)], true) - 3.0).abs() < 1e-12);
        assert!((cubic([0.25, 0.25], [-1.0, 1.0], false) - 0.5).abs() < 1e-12);
        assert_eq!(cubic([1.0, f64::NAN], [-1.0, f64::NAN], false), 0.1);
        // A straight line falls for ever.
        assert_eq!(cubic([1.0, 0.0], [-1.0, -1.0], true), FARTHEST);
    }

    #[test]
    fn the_parabola_is_met_exactly() {
        let line = |steps: &[f64]| steps.iter().map(|&t| (t, (t - 0.3) * (t - 0.3))).collect::<Vec<_>>();
        assert!((lowest(line(&[0.0, 1.0, 0.5, 0.25])).unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(lowest(line(&[0.0, 0.1, 0.2])), Some(0.2), "as far as was measured");
        assert_eq!(lowest(vec![(0.0, 1.0), (1.0, f64::NAN), (0.5, 2.0)]), None);
        assert_eq!(lowest(vec![(0.0, 1.0), (0.5, 1.0), (1.0, 0.5), (2.0, 0.5)]), Some(1.5));
    }
}

//! Plots as SVG text: lines over two axes, and stacked bars.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

/// A line with its name.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What the axes say, and whether they count in powers of ten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axes {
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) log_x: bool,
    pub(crate) log_y: bool,
}

const SIZE: (u32, u32) = (960, 430);
/// Width beside the plot for the names.
const LEGEND: u32 = 220;
/// Told apart with most kinds of colour blindness (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

/// Lines with a point at each value. None where there is nothing to show.
pub(crate) fn lines(axes: Axes, lines: &[Line]) -> Result<Option<String>> {
    let shown = |line: &Line| Line {
        name: line.name.clone(),
        points: line
            .points
            .iter()
            .copied()
            .filter(|&(x, y)| {
                x.is_finite() && y.is_finite() && (!axes.log_x || x > 0.0) && (!axes.log_y || y > 0.0)
            })
            .collect(),
    };
    let lines: Vec<Line> = lines.iter().map(shown).filter(|line| !line.points.is_empty()).collect();
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let (Some(x), Some(y)) =
        (span(points().map(|p| p.0), axes.log_x), span(points().map(|p| p.1), axes.log_y))
    else {
        return Ok(None);
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        match (axes.log_x, axes.log_y) {
            (false, false) => draw(&area, axes, &lines, x.0..x.1, y.0..y.1)?,
            (false, true) => draw(&area, axes, &lines, x.0..x.1, (y.0..y.1).log_scale())?,
            (true, false) => draw(&area, axes, &lines, (x.0..x.1).log_scale(), y.0..y.1)?,
            (true, true) => draw(&area, axes, &lines, (x.0..x.1).log_scale(), (y.0..y.1).log_scale())?,
        }
    }
    Ok(Some(svg))
}

fn draw<X, Y>(area: &DrawingArea<SVGBackend<'_>, Shift>, axes: Axes, lines: &[Line], x: X, y: Y) -> Result<()>
where
    X: plotters::coord::ranged1d::AsRangedCoord<Value = f64>,
    Y: plotters::coord::ranged1d::AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: &dyn std::fmt::Display| anyhow!("a plot: {error}");
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(LEGEND)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x, y)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc(axes.x)
        .y_desc(axes.y)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .draw()
        .map_err(|error| failed(&error))?;
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart.draw_series(series).map_err(|error| failed(&error))?;
    }
    legend(area, lines.iter().map(|line| line.name.as_str()))?;
    area.present().map_err(|error| failed(&error))
}

/// Colours and names beside the plot, where they hide nothing.
fn legend<'a>(area: &DrawingArea<SVGBackend<'_>, Shift>, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("a plot: {error}");
    for (number, name) in names.enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let (x, y) = (SIZE.0 as i32 - LEGEND as i32 + 12, 24 + 22 * number as i32);
        let mark = Rectangle::new([(x, y), (x + 14, y + 10)], colour.filled());
        area.draw(&mark).map_err(|error| failed(&error))?;
        let text = Text::new(name.to_owned(), (x + 20, y - 2), ("sans-serif", 13));
        area.draw(&text).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// One stack of parts for each name, from the left; all in seconds.
pub(crate) fn stacks(
    y: &'static str,
    parts: &[&'static str],
    stacks: &[(String, Vec<f64>)],
) -> Result<Option<String>> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("a plot: {error}");
    let most = stacks.iter().map(|(_, values)| values.iter().sum::<f64>()).fold(0.0, f64::max);
    if stacks.is_empty() || most <= 0.0 {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(&error))?;
        let count = stacks.len();
        let mut chart = ChartBuilder::on(&area)
            .margin(14)
            .margin_right(LEGEND)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(Labels(count), 0.0..most * 1.06)
            .map_err(|error| failed(&error))?;
        let name = |at: &f64| stacks.get(*at as usize).map_or(String::new(), |(name, _)| name.clone());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .y_desc(y)
            .label_style(("sans-serif", 13))
            .axis_desc_style(("sans-serif", 14))
            .x_labels(count)
            .x_label_formatter(&name)
            .y_label_formatter(&|value| short(*value))
            .draw()
            .map_err(|error| failed(&error))?;
        for part in 0..parts.len() {
            let colour = COLOURS[part % COLOURS.len()];
            let bars = stacks.iter().enumerate().map(|(at, (_, values))| {
                let below: f64 = values[..part].iter().sum();
                let at = at as f64;
                Rectangle::new([(at + 0.2, below), (at + 0.8, below + values[part])], colour.filled())
            });
            chart.draw_series(bars).map_err(|error| failed(&error))?;
        }
        legend(&area, parts.iter().copied())?;
        area.present().map_err(|error| failed(&error))?;
    }
    Ok(Some(svg))
}

/// An axis with a label in the middle of each place.
struct Labels(usize);

impl Ranged for Labels {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * value / self.0 as f64) as i32
    }

    fn key_points<H: plotters::coord::ranged1d::KeyPointHint>(&self, _: H) -> Vec<f64> {
        (0..self.0).map(|at| at as f64 + 0.5).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..self.0 as f64
    }
}

impl ValueFormatter<f64> for Labels {}

/// From a little below the least to a little above the most.
fn span(values: impl Iterator<Item = f64>, log: bool) -> Option<(f64, f64)> {
    let (least, most) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    if !least.is_finite() {
        return None;
    }
    if log {
        return Some((least / 1.3, most * 1.3));
    }
    let room = if most > least { 0.06 * (most - least) } else { 0.5 * most.abs().max(1.0) };
    Some((if least >= 0.0 { (least - room).max(0.0) } else { least - room }, most + room))
}

/// A number in few characters.
fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if size >= 1e6 {
        format!("{} M", trimmed(value / 1e6, 1))
    } else if size >= 1e4 {
        format!("{} k", trimmed(value / 1e3, 1))
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        trimmed(value, 1)
    } else if size >= 1e-4 {
        trimmed(value, 4)
    } else {
        format!("{value:.0e}")
    }
}

fn trimmed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_hold_their_names_and_nothing_makes_none() {
        let axes = Axes { x: "passes", y: "objective", log_x: false, log_y: true };
        let line =
            Line { name: "eight splits".to_owned(), points: vec![(1.0, 0.7), (2.0, 0.5), (3.0, -1.0)] };
        let svg = lines(axes, &[line]).unwrap().unwrap();
        assert!(svg.contains("eight splits") && svg.contains("objective"));
        assert!(lines(axes, &[]).unwrap().is_none());
        let bars = stacks("seconds", &["load", "compute"], &[("Lapwing".to_owned(), vec![1.0, 2.0])]);
        assert!(bars.unwrap().unwrap().contains("compute"));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (1.5, "1.5"),
            (0.0312, "0.0312"),
            (5e4, "50 k"),
            (2e6, "2 M"),
            (1e-6, "1e-6"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}

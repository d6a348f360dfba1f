//! Plots with a line for each contestant.

use super::Plot;
use crate::{
    contestant::Failure,
    figures::{self, Case, IdleConnection, Shape},
    order::Kind,
    report::{
        canvas::{self, Canvas, Point, Text},
        contestants::{self, Contestant},
        frame::{Axis, Frame},
        numbers,
    },
    results::{Results, Runtime},
};

const SIZE: (u32, u32) = (860, 500);
/// Where lines stand; to the right of it are their names.
const LINES: Frame = Frame {
    from: (84, 44),
    to: (640, 444),
};
/// Between two names.
const NAME_HEIGHT: i32 = 17;

/// Calls a second of this size, at each number in flight.
pub(super) fn throughput(
    results: &Results,
    name: &'static str,
    size: usize,
) -> Result<Plot, Failure> {
    let shapes: Vec<Shape> = calls_on_one(results)
        .filter(|shape| shape.size == size)
        .collect();
    let series = rates(results, &shapes, |_, shape| shape.in_flight as f64);
    let title = format!(
        "Throughput over calls in flight, {}, one connection",
        numbers::size(size)
    );
    lines(name, title, &series, |series| Axes {
        across: Axis::at("calls in flight", &values(series, |(x, _)| x), |x| {
            numbers::count(x as usize)
        }),
        up: Axis::logarithmic(
            "calls per second",
            &values(series, |(_, y)| y),
            numbers::amount,
        ),
    })
}

/// Calls a second at each size, with the same number in flight.
pub(super) fn throughput_over_size(results: &Results, name: &'static str) -> Result<Plot, Failure> {
    let (in_flight, shapes) = sizes(results);
    // One size alone is no line.
    let series = if shapes.len() < 2 {
        Vec::new()
    } else {
        rates(results, &shapes, |index, _| index as f64)
    };
    let title = format!("Throughput over message size, {in_flight} in flight, one connection");
    lines(name, title, &series, |series| Axes {
        across: Axis::names("body", shapes.iter().map(|shape| numbers::size(shape.size))),
        up: Axis::logarithmic(
            "calls per second",
            &values(series, |(_, y)| y),
            numbers::amount,
        ),
    })
}

/// Memory per connection, at each number of them.
pub(super) fn idle_memory(results: &Results, name: &'static str) -> Result<Plot, Failure> {
    let all = IdleConnection::all(results);
    let names = all.iter().map(|idle| idle.contestant.as_str());
    let series: Vec<_> = contestants::in_order(names)
        .into_iter()
        .map(|contestant| {
            let own = all.iter().filter(|idle| idle.contestant == contestant.name);
            let points = own
                .map(|idle| (idle.connections as f64, idle.resident.median / 1024.0))
                .collect();
            Series { contestant, points }
        })
        .collect();
    let title = "Resident memory of a server per idle connection".to_owned();
    lines(name, title, &series, |series| Axes {
        across: Axis::at("connections", &values(series, |(x, _)| x), |x| {
            numbers::count(x as usize)
        }),
        up: Axis::linear(
            "KiB per connection",
            &values(series, |(_, y)| y),
            numbers::amount,
        ),
    })
}

fn calls_on_one(results: &Results) -> impl Iterator<Item = Shape> {
    let all = Shape::all(results, Runtime::Pinned).into_iter();
    all.filter(|shape| shape.kind == Kind::Unary && shape.connections == 1)
}

/// The calls in flight at which most sizes were measured, 16 if there are several such, and the loads.
fn sizes(results: &Results) -> (usize, Vec<Shape>) {
    let at = |in_flight| calls_on_one(results).filter(move |shape| shape.in_flight == in_flight);
    let in_flight = calls_on_one(results)
        .map(|shape| shape.in_flight)
        .max_by_key(|in_flight| (at(*in_flight).count(), *in_flight == 16))
        .unwrap_or(16);
    (in_flight, at(in_flight).collect())
}

/// A contestant's line.
struct Series<'a> {
    contestant: Contestant<'a>,
    points: Vec<(f64, f64)>,
}

/// Every contestant's rate at each of these loads, where it was measured. A load's place is what `across` makes of it.
fn rates<'a>(
    results: &'a Results,
    shapes: &[Shape],
    across: impl Fn(usize, Shape) -> f64,
) -> Vec<Series<'a>> {
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let series = contestants::in_order(names)
        .into_iter()
        .map(|contestant| Series {
            contestant,
            points: shapes
                .iter()
                .enumerate()
                .filter_map(|(index, shape)| {
                    let rate = Case::pinned(contestant.name, *shape)
                        .spread(&results.rounds, figures::rate)?;
                    (rate.median > 0.0).then(|| (across(index, *shape), rate.median))
                })
                .collect(),
        });
    series.filter(|series| !series.points.is_empty()).collect()
}

struct Axes {
    across: Axis,
    up: Axis,
}

fn values(series: &[Series<'_>], of: fn((f64, f64)) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = series
        .iter()
        .flat_map(|series| &series.points)
        .copied()
        .map(of)
        .collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// A line for each series, with its name beside its end.
fn lines(
    name: &'static str,
    title: String,
    series: &[Series<'_>],
    axes: impl FnOnce(&[Series<'_>]) -> Axes,
) -> Result<Plot, Failure> {
    if series.is_empty() {
        return Ok(Plot {
            name,
            title,
            svg: None,
        });
    }
    let Axes { across, up } = axes(series);
    let svg = canvas::svg(SIZE, &title, |canvas| {
        LINES.draw_across(canvas, &across)?;
        LINES.draw_up(canvas, &up)?;
        let mut ends = Vec::new();
        // Backwards, so that a line is not hidden by that of a variant.
        for series in series.iter().rev() {
            let Contestant { colour, marker, .. } = series.contestant;
            let points: Vec<Point> = series
                .points
                .iter()
                .map(|(x, y)| (LINES.across(&across, *x), LINES.up(&up, *y)))
                .collect();
            canvas::line(canvas, &points, colour, 2)?;
            for point in &points {
                marker.draw(canvas, *point, colour)?;
            }
            ends.extend(points.last().copied());
        }
        ends.reverse();
        name_ends(canvas, series, &ends)
    })?;
    Ok(Plot {
        name,
        title,
        svg: Some(svg),
    })
}

fn name_ends(canvas: &Canvas<'_>, series: &[Series<'_>], ends: &[Point]) -> Result<(), Failure> {
    let wanted: Vec<i32> = ends.iter().map(|(_, y)| *y).collect();
    let places = apart(&wanted, LINES.from.1, LINES.to.1);
    for ((series, end), y) in series.iter().zip(ends).zip(places) {
        let Contestant {
            name,
            colour,
            marker,
            ..
        } = series.contestant;
        let x = LINES.to.0 + 28;
        canvas::line(
            canvas,
            &[(end.0 + 7, end.1), (LINES.to.0 + 4, end.1), (x - 8, y)],
            canvas::pale(colour),
            1,
        )?;
        marker.draw(canvas, (x, y), colour)?;
        canvas::text(canvas, name, (x + 12, y), Text::default())?;
    }
    Ok(())
}

/// Where labels stand that would best stand at these heights: in the same order, and a line apart, between two heights.
fn apart(wanted: &[i32], from: i32, to: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|index| wanted[*index]);
    let mut places = wanted.to_vec();
    let mut free = from;
    for &index in &order {
        places[index] = places[index].max(free);
        free = places[index] + NAME_HEIGHT;
    }
    let mut free = to;
    for &index in order.iter().rev() {
        places[index] = places[index].min(free);
        free = places[index] - NAME_HEIGHT;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_clear_of_each_other() {
        assert_eq!(apart(&[50, 90], 0, 200), [50, 90]);
        assert_eq!(apart(&[52, 50, 51], 0, 200), [84, 50, 67]);
        assert_eq!(apart(&[199, 198], 0, 200), [200, 183]);
    }
}

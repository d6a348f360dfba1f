//! The plots: what each shows, and how it is laid out.

use plotters::style::text_anchor::HPos;

use super::{
    contestants::{self, Contestant},
    figures::{self, Case, Shape},
    numbers,
    plot::{self, Axis, Canvas, Frame, Marker, Point, Text},
};
use crate::{
    contestant::Failure,
    order::Kind,
    results::{Results, Runtime},
};

const WIDE: (u32, u32) = (860, 500);
/// Where lines stand; to the right of it are their names.
const LINES: Frame = Frame {
    from: (84, 44),
    to: (640, 444),
};
/// Of the plots with a row for each contestant.
const ROW: i32 = 30;

/// A plot of the page.
pub(super) struct Plot {
    /// Its file's name, without `.svg`.
    pub(super) name: &'static str,
    /// What it shows.
    pub(super) title: String,
    /// The drawing, if there is anything to show.
    pub(super) svg: Option<String>,
}

/// All of them.
pub(super) fn all(results: &Results) -> Result<Vec<Plot>, Failure> {
    let (sizes_in_flight, shapes) = sizes(results);
    let sizes_title =
        format!("Throughput over message size, {sizes_in_flight} in flight, one connection");
    let drawn = [
        throughput(results, "throughput-32-b", 32)?,
        throughput(results, "throughput-1-kib", 1024)?,
        lines(
            "throughput-over-size",
            sizes_title,
            &over_sizes(results, &shapes),
            |series| Axes {
                across: Axis::names("body", shapes.iter().map(|shape| numbers::size(shape.size))),
                up: Axis::logarithmic(
                    "calls per second",
                    &values(series, |(_, y)| y),
                    numbers::amount,
                ),
            },
        )?,
        latency(results, "latency-1", 1)?,
        latency(results, "latency-256", 256)?,
        idle_memory(results)?,
        cpu(results)?,
    ];
    Ok(drawn.into())
}

/// A contestant's line.
struct Series<'a> {
    contestant: Contestant<'a>,
    points: Vec<(f64, f64)>,
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
                    let rate =
                        Case::pinned(contestant.name, *shape).spread(results, figures::rate)?;
                    (rate.median > 0.0).then(|| (across(index, *shape), rate.median))
                })
                .collect(),
        });
    series.filter(|series| !series.points.is_empty()).collect()
}

fn calls_on_one(results: &Results) -> impl Iterator<Item = Shape> {
    let all = Shape::all(results, Runtime::Pinned).into_iter();
    all.filter(|shape| shape.kind == Kind::Unary && shape.connections == 1)
}

fn throughput(results: &Results, name: &'static str, size: usize) -> Result<Plot, Failure> {
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

/// The calls in flight at which most sizes were measured, 16 if there are several such, and the loads.
fn sizes(results: &Results) -> (usize, Vec<Shape>) {
    let at = |in_flight| calls_on_one(results).filter(move |shape| shape.in_flight == in_flight);
    let in_flight = calls_on_one(results)
        .map(|shape| shape.in_flight)
        .max_by_key(|in_flight| (at(*in_flight).count(), *in_flight == 16))
        .unwrap_or(16);
    (in_flight, at(in_flight).collect())
}

fn over_sizes<'a>(results: &'a Results, shapes: &[Shape]) -> Vec<Series<'a>> {
    // One size alone is no line.
    if shapes.len() < 2 {
        Vec::new()
    } else {
        rates(results, shapes, |index, _| index as f64)
    }
}

fn idle_memory(results: &Results) -> Result<Plot, Failure> {
    let names = results
        .idle_memory
        .iter()
        .map(|idle| idle.contestant.as_str());
    let series: Vec<_> = contestants::in_order(names)
        .into_iter()
        .map(|contestant| {
            let own = results
                .idle_memory
                .iter()
                .filter(|idle| idle.contestant == contestant.name);
            let mut points: Vec<_> = own
                .map(|idle| {
                    (
                        idle.connections as f64,
                        idle.server_rss_bytes as f64 / idle.connections as f64 / 1024.0,
                    )
                })
                .collect();
            points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            Series { contestant, points }
        })
        .collect();
    let title = "Resident memory of a server per idle connection".to_owned();
    lines("idle-memory", title, &series, |series| Axes {
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
    let svg = plot::svg(WIDE, &title, |canvas| {
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
            plot::line(canvas, &points, colour, 2)?;
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
    let places = plot::apart(&wanted, LINES.from.1, LINES.to.1);
    for ((series, end), y) in series.iter().zip(ends).zip(places) {
        let Contestant {
            name,
            colour,
            marker,
            ..
        } = series.contestant;
        let x = LINES.to.0 + 28;
        plot::line(
            canvas,
            &[(end.0 + 7, end.1), (LINES.to.0 + 4, end.1), (x - 8, y)],
            plot::pale(colour),
            1,
        )?;
        marker.draw(canvas, (x, y), colour)?;
        plot::text(canvas, name, (x + 12, y), Text::default())?;
    }
    Ok(())
}

/// A row for each of these contestants: the plot's height, and its frame.
fn rows(count: usize, right: i32) -> ((u32, u32), Frame) {
    let bottom = 72 + ROW * count as i32;
    (
        (WIDE.0, bottom.unsigned_abs() + 52),
        Frame {
            from: (180, 72),
            to: (right, bottom),
        },
    )
}

fn row_height(frame: &Frame, index: usize) -> i32 {
    frame.from.1 + ROW * index as i32 + ROW / 2
}

fn row_name(canvas: &Canvas<'_>, frame: &Frame, index: usize, name: &str) -> Result<(), Failure> {
    let at = (frame.from.0 - 12, row_height(frame, index));
    plot::text(
        canvas,
        name,
        at,
        Text {
            side: HPos::Right,
            ..Text::default()
        },
    )
}

fn latency(results: &Results, name: &'static str, in_flight: usize) -> Result<Plot, Failure> {
    const SHOWN: [(&str, Marker, figures::Figure); 4] = [
        ("p50", Marker::Circle, figures::p50),
        ("p99", Marker::Square, figures::p99),
        ("p99.9", Marker::Triangle, figures::p999),
        ("slowest", Marker::Cross, figures::slowest),
    ];
    let title = format!("Latency of calls, 32 B, {in_flight} in flight, one connection");
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let measured: Vec<_> = contestants::in_order(names)
        .into_iter()
        .filter_map(|contestant| {
            let case = Case::pinned(contestant.name, Shape::calls(32, in_flight));
            let [p50, p99, p999, slowest] =
                SHOWN.map(|(_, _, figure)| case.spread(results, figure));
            Some((
                contestant,
                [p50?.median, p99?.median, p999?.median, slowest?.high],
            ))
        })
        .collect();
    if measured.is_empty() {
        return Ok(Plot {
            name,
            title,
            svg: None,
        });
    }
    let every: Vec<f64> = measured.iter().flat_map(|(_, values)| *values).collect();
    let axis = Axis::logarithmic("from call to answer", &every, numbers::micros);
    let (size, frame) = rows(measured.len(), 820);
    let svg = plot::svg(size, &title, |canvas| {
        frame.draw_across(canvas, &axis)?;
        for (index, (what, marker, _)) in SHOWN.iter().enumerate() {
            let at = (frame.from.0 + 8 + 90 * index as i32, frame.from.1 - 20);
            marker.draw(canvas, at, plotters::style::BLACK)?;
            plot::text(canvas, what, (at.0 + 12, at.1), Text::default())?;
        }
        for (index, (Contestant { name, colour, .. }, values)) in measured.iter().enumerate() {
            let y = row_height(&frame, index);
            let points = values.map(|value| (frame.across(&axis, value), y));
            row_name(canvas, &frame, index, name)?;
            plot::line(canvas, &points, plot::pale(*colour), 2)?;
            for (point, (_, marker, _)) in points.into_iter().zip(SHOWN) {
                marker.draw(canvas, point, *colour)?;
            }
        }
        Ok(())
    })?;
    Ok(Plot {
        name,
        title,
        svg: Some(svg),
    })
}

fn cpu(results: &Results) -> Result<Plot, Failure> {
    let (name, title) = (
        "cpu",
        "CPU time per call, 32 B, 256 in flight, one connection".to_owned(),
    );
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let measured: Vec<_> = contestants::in_order(names)
        .into_iter()
        .filter_map(|contestant| {
            let case = Case::pinned(contestant.name, Shape::calls(32, 256));
            let server = case.spread(results, figures::server_cpu)?.median;
            Some((
                contestant,
                server,
                case.spread(results, figures::client_cpu)?.median,
            ))
        })
        .collect();
    if measured.is_empty() {
        return Ok(Plot {
            name,
            title,
            svg: None,
        });
    }
    let sums: Vec<f64> = measured
        .iter()
        .map(|(_, server, client)| server + client)
        .collect();
    let axis = Axis::linear("CPU time per call", &sums, numbers::micros);
    // To the right of the longest bar there is room for what it comes to.
    let (size, frame) = rows(measured.len(), 660);
    let svg = plot::svg(size, &title, |canvas| {
        frame.draw_across(canvas, &axis)?;
        plot::text(
            canvas,
            "server (full colour) + client (pale)",
            (frame.from.0, frame.from.1 - 20),
            Text::default(),
        )?;
        for (index, (Contestant { name, colour, .. }, server, client)) in
            measured.iter().enumerate()
        {
            let y = row_height(&frame, index);
            let [start, middle, end] =
                [0.0, *server, server + client].map(|value| frame.across(&axis, value));
            row_name(canvas, &frame, index, name)?;
            plot::bar(canvas, [(start, y - 9), (middle, y + 9)], *colour)?;
            plot::bar(canvas, [(middle, y - 9), (end, y + 9)], plot::pale(*colour))?;
            let [sum, server, client] = [server + client, *server, *client].map(numbers::micros);
            plot::text(
                canvas,
                &format!("{sum} ({server} + {client})"),
                (end + 8, y),
                Text::default(),
            )?;
        }
        Ok(())
    })?;
    Ok(Plot {
        name,
        title,
        svg: Some(svg),
    })
}

//! Plots with a row for each contestant.

use plotters::style::{BLACK, text_anchor::HPos};

use super::Plot;
use crate::{
    contestant::Failure,
    figures::{self, Case, Shape},
    report::{
        canvas::{self, Canvas, Marker, Text},
        contestants::{self, Contestant},
        frame::{Axis, Frame},
        numbers,
    },
    results::Results,
};

const WIDTH: u32 = 860;
const ROW: i32 = 30;

/// How long calls take: a mark for each of the quantiles.
pub(super) fn latency(
    results: &Results,
    name: &'static str,
    in_flight: usize,
) -> Result<Plot, Failure> {
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
                SHOWN.map(|(_, _, figure)| case.spread(&results.rounds, figure));
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
    let svg = canvas::svg(size, &title, |canvas| {
        frame.draw_across(canvas, &axis)?;
        for (index, (what, marker, _)) in SHOWN.iter().enumerate() {
            let at = (frame.from.0 + 8 + 90 * index as i32, frame.from.1 - 20);
            marker.draw(canvas, at, BLACK)?;
            canvas::text(canvas, what, (at.0 + 12, at.1), Text::default())?;
        }
        for (index, (Contestant { name, colour, .. }, values)) in measured.iter().enumerate() {
            let y = row_height(&frame, index);
            let points = values.map(|value| (frame.across(&axis, value), y));
            row_name(canvas, &frame, index, name)?;
            canvas::line(canvas, &points, canvas::pale(*colour), 2)?;
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

/// What a call costs the CPUs of both sides.
pub(super) fn cpu(results: &Results, name: &'static str) -> Result<Plot, Failure> {
    let title = "CPU time per call, 32 B, 256 in flight, one connection".to_owned();
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let measured: Vec<_> = contestants::in_order(names)
        .into_iter()
        .filter_map(|contestant| {
            let case = Case::pinned(contestant.name, Shape::calls(32, 256));
            let server = case.spread(&results.rounds, figures::server_cpu)?.median;
            Some((
                contestant,
                server,
                case.spread(&results.rounds, figures::client_cpu)?.median,
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
    let svg = canvas::svg(size, &title, |canvas| {
        frame.draw_across(canvas, &axis)?;
        canvas::text(
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
            canvas::bar(canvas, [(start, y - 9), (middle, y + 9)], *colour)?;
            canvas::bar(
                canvas,
                [(middle, y - 9), (end, y + 9)],
                canvas::pale(*colour),
            )?;
            let [sum, server, client] = [server + client, *server, *client].map(numbers::micros);
            canvas::text(
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

/// A row for each of these contestants: the plot's height, and its frame.
fn rows(count: usize, right: i32) -> ((u32, u32), Frame) {
    let bottom = 72 + ROW * count as i32;
    (
        (WIDTH, bottom.unsigned_abs() + 52),
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
    canvas::text(
        canvas,
        name,
        at,
        Text {
            side: HPos::Right,
            ..Text::default()
        },
    )
}

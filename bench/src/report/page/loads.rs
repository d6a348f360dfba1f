//! The sections about calls and streams under a load.

use crate::{
    figures::{self, Case, FEW_CONNECTIONS, Figure, MANY_CONNECTIONS, Shape},
    order::Kind,
    report::{contestants, numbers, table::Table},
    results::{Results, Runtime},
};

/// Calls that get a table of their own: size and calls in flight.
const TELLING: [(usize, usize); 4] = [(32, 256), (32, 1), (1024, 256), (64 * 1024, 16)];

pub(super) fn calls(results: &Results) -> Option<String> {
    let mut text = String::new();
    for (size, in_flight) in TELLING {
        let title = format!("{}, {in_flight} in flight", numbers::size(size));
        if let Some(table) = one_load(results, Runtime::Pinned, Shape::calls(size, in_flight)) {
            text += &format!("### {title}\n\n{table}\n");
        }
    }
    let all = loads(results, Runtime::Pinned, |shape| {
        shape.kind == Kind::Unary && shape.connections == 1
    })?;
    text += &folded(
        "Calls per second, and the range, of every size and number in flight",
        &all,
    );
    Some(text)
}

pub(super) fn streams(results: &Results) -> Option<String> {
    let mut text = String::from(
        "Messages that arrived at the caller: of a server stream one way, of a bidirectional stream those that came \
         back.\n\n",
    );
    for (kind, title) in [
        (Kind::ServerStream, "Server stream"),
        (Kind::Bidirectional, "Bidirectional stream"),
    ] {
        if let Some(table) = one_load(
            results,
            Runtime::Pinned,
            Shape {
                kind,
                ..Shape::calls(1024, 1)
            },
        ) {
            text += &format!("### {title}, 1 KiB, one stream\n\n{table}\n");
        }
    }
    let all = loads(results, Runtime::Pinned, |shape| shape.kind != Kind::Unary)?;
    Some(text + &folded("Messages per second, and the range, of every stream", &all))
}

pub(super) fn many_connections(results: &Results) -> Option<String> {
    let wanted =
        |shape: &Shape| *shape == Shape::one_each(shape.connections) && shape.connections > 1;
    let text = "One call in flight on each connection; calls per second are those of all together. In each round a \
                contestant carries one load right after the other.";
    each_load(results, Runtime::Pinned, wanted, text)
}

pub(super) fn multi(results: &Results) -> Option<String> {
    let text = "Two worker threads on each side, on whatever core the kernel likes.";
    each_load(results, Runtime::Multi, |_| true, text)
}

/// A table for each load that is wanted, after a text about all of them.
fn each_load(
    results: &Results,
    runtime: Runtime,
    wanted: fn(&Shape) -> bool,
    text: &str,
) -> Option<String> {
    let shapes = Shape::all(results, runtime).into_iter().filter(wanted);
    let loads: Vec<String> = shapes
        .filter_map(|shape| {
            let table = one_load(results, runtime, shape)?;
            Some(format!("### {}\n\n{table}", load_name(shape)))
        })
        .collect();
    (!loads.is_empty()).then(|| format!("{text}\n\n{}", loads.join("\n")))
}

/// A table that is large, and shown when its title is clicked.
fn folded(title: &str, table: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n\n{table}\n</details>\n")
}

/// Everything about one load, a row for each contestant.
fn one_load(results: &Results, runtime: Runtime, shape: Shape) -> Option<String> {
    let rate = if shape.kind == Kind::Unary {
        "calls/s"
    } else {
        "messages/s"
    };
    let to_few = format!("to {FEW_CONNECTIONS} connections");
    let head = [
        "",
        rate,
        "to tonic",
        "to limit A",
        "to limit B",
        &to_few,
        "p50",
        "p99",
        "p99.9",
        "server CPU",
        "client CPU",
        "bytes on the wire",
    ];
    let mut table = Table::new(head);
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    for contestant in contestants::in_order(names) {
        let case = |contestant| Case {
            contestant,
            runtime,
            shape,
        };
        let own = case(contestant.name);
        let Some(rate) = own.spread(&results.rounds, figures::rate) else {
            continue;
        };
        let to = |other| {
            let ratio = own.ratio(case(other), &results.rounds, figures::rate)?;
            (other != contestant.name).then(|| numbers::ratio(ratio.median))
        };
        let to_few = || {
            let few = Case {
                shape: Shape::one_each(FEW_CONNECTIONS),
                ..own
            };
            let is_many = shape == Shape::one_each(MANY_CONNECTIONS);
            let ratio = own.ratio(few, &results.rounds, figures::rate);
            ratio
                .filter(|_| is_many)
                .map(|ratio| numbers::spread(ratio, numbers::ratio))
        };
        let median = |figure: Figure, shown: fn(f64) -> String| {
            own.spread(&results.rounds, figure)
                .map(|spread| shown(spread.median))
        };
        table.row(
            contestant.name,
            [
                Some(numbers::spread(rate, numbers::amount)),
                to("tonic"),
                to("raw-tls"),
                to("websocket"),
                to_few(),
                median(figures::p50, numbers::micros),
                median(figures::p99, numbers::micros),
                median(figures::p999, numbers::micros),
                median(figures::server_cpu, numbers::micros),
                median(figures::client_cpu, numbers::micros),
                median(figures::wire_bytes, |bytes| {
                    numbers::count(bytes.round() as usize)
                }),
            ],
        );
    }
    Some(table.filled()?.markdown())
}

/// The rates under several loads: a row for each load, a column for each contestant.
fn loads(results: &Results, runtime: Runtime, wanted: fn(&Shape) -> bool) -> Option<String> {
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let contestants = contestants::in_order(names);
    let mut table = Table::new(
        [""].into_iter()
            .chain(contestants.iter().map(|contestant| contestant.name)),
    );
    for shape in Shape::all(results, runtime).into_iter().filter(wanted) {
        let cells = contestants.iter().map(|contestant| {
            let rate = Case {
                contestant: contestant.name,
                runtime,
                shape,
            }
            .spread(&results.rounds, figures::rate)?;
            let range = numbers::range(rate, numbers::amount);
            let range = range.map_or_else(String::new, |range| format!("<br><sub>{range}</sub>"));
            Some(numbers::amount(rate.median) + &range)
        });
        table.row(load_name(shape), cells);
    }
    Some(table.filled()?.markdown())
}

fn load_name(shape: Shape) -> String {
    let size = numbers::size(shape.size);
    let in_flight = numbers::count(shape.in_flight);
    let mut name = match shape.kind {
        Kind::Unary => format!("{size}, {in_flight} in flight"),
        Kind::ServerStream => format!("server, {size}, {in_flight} open"),
        Kind::Bidirectional => format!("bidirectional, {size}, {in_flight} open"),
    };
    if shape.connections > 1 {
        name = format!("{} connections, {name}", numbers::count(shape.connections));
    }
    name
}

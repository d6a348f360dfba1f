//! The medians, as plain tables.

use std::fmt::Write;

use crate::{
    matrix::label,
    results::{Results, Round},
};

/// What the others are compared with.
const RIVALS: [&str; 2] = ["websocket", "tonic"];

/// A table for each load.
pub fn of(results: &Results) -> String {
    let mut tables = String::new();
    let key = |round: &Round| label(round.load, round.runtime);
    for load in in_order(results.rounds.iter().map(key)) {
        let rounds: Vec<&Round> = results.rounds.iter().filter(|it| key(it) == load).collect();
        table(&mut tables, &load, &rounds);
    }
    tables
}

fn table(out: &mut String, load: &str, rounds: &[&Round]) {
    let median_of = |name: &str, value: &dyn Fn(&Round) -> Option<f64>| {
        let rounds = rounds.iter().filter(|round| round.contestant == name);
        median(rounds.filter_map(|round| value(round)).collect())
    };
    let rate = |round: &Round| Some(round.counted.count as f64 / round.counted.seconds);
    let each = |amount: f64, round: &Round| Some(amount / round.counted.count.max(1) as f64);
    let _ = writeln!(
        out,
        "\n{load}\n{:<24}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}{:>9}{:>11}{:>8}",
        "",
        "a second",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "server",
        "client",
        "bytes",
        RIVALS[0],
        RIVALS[1],
    );
    for name in in_order(rounds.iter().map(|round| round.contestant.clone())) {
        let of = |value: &dyn Fn(&Round) -> Option<f64>| median_of(&name, value);
        let latency = |round: &Round| round.counted.latency;
        let to = |rival: &str| Some(of(&rate)? / median_of(rival, &rate)?);
        let _ = writeln!(
            out,
            "{name:<24}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}{:>9}{:>11}{:>8}",
            shown(of(&rate), 0),
            shown(of(&|round| Some(latency(round)?.p50)), 1),
            shown(of(&|round| Some(latency(round)?.p99)), 1),
            shown(of(&|round| Some(latency(round)?.p999)), 1),
            shown(of(&|round| each(round.server_cpu_seconds * 1e6, round)), 2),
            shown(of(&|round| each(round.client_cpu_seconds * 1e6, round)), 2),
            shown(of(&|round| each(round.wire_bytes as f64, round)), 0),
            shown(to(RIVALS[0]), 2),
            shown(to(RIVALS[1]), 2),
        );
    }
}

fn shown(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Each name once, where it first was.
fn in_order(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Half-way between the two middle values, where their number is even.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[last.div_ceil(2)]) / 2.0)
}

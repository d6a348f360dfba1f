//! The medians of a load, as a plain table.

use std::fmt::Write;

use crate::{matrix::Measurement, order::Latency, results::Round};

/// What the others are compared with.
const RIVALS: [&str; 2] = ["websocket", "tonic"];

/// Heading, decimals, and the value, where there is one.
type Column = (&'static str, usize, fn(&Round) -> Option<f64>);

/// CPU time is of each side's process, in microseconds a call, which is seconds per million calls.
const COLUMNS: [Column; 7] = [
    ("a second", 0, |round| Some(rate(round))),
    ("p50 µs", 1, |round| latency(round, |it| it.p50)),
    ("p99 µs", 1, |round| latency(round, |it| it.p99)),
    ("p99.9 µs", 1, |round| latency(round, |it| it.p999)),
    ("server CPU", 2, |round| {
        each(round.server_cpu_seconds * 1e6, round)
    }),
    ("client CPU", 2, |round| {
        each(round.client_cpu_seconds * 1e6, round)
    }),
    ("bytes", 0, |round| each(round.wire_bytes as f64, round)),
];

/// The table.
pub fn of(measurement: &Measurement, rounds: &[Round]) -> String {
    let mut table = format!("\n{:<34}", measurement.label());
    for (heading, ..) in COLUMNS {
        cell(&mut table, heading);
    }
    for rival in RIVALS {
        cell(&mut table, &format!("/ {rival}"));
    }
    for name in &measurement.contestants {
        let _ = write!(table, "\n  {:<32}", name.name);
        for (_, decimals, value) in COLUMNS {
            cell(
                &mut table,
                &shown(median_of(rounds, name.name, value), decimals),
            );
        }
        let rate_of = |name| median_of(rounds, name, |round| Some(rate(round)));
        for rival in RIVALS {
            let ratio = rate_of(name.name).zip(rate_of(rival));
            cell(&mut table, &shown(ratio.map(|(own, its)| own / its), 2));
        }
    }
    table + "\n"
}

fn cell(table: &mut String, text: &str) {
    let _ = write!(table, "{text:>12}");
}

fn shown(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"))
}

fn rate(round: &Round) -> f64 {
    round.counted.count as f64 / round.counted.seconds
}

fn latency(round: &Round, of: fn(Latency) -> f64) -> Option<f64> {
    round.counted.latency.map(of)
}

fn each(amount: f64, round: &Round) -> Option<f64> {
    let count = round.counted.count;
    (count > 0).then(|| amount / count as f64)
}

fn median_of(rounds: &[Round], name: &str, value: fn(&Round) -> Option<f64>) -> Option<f64> {
    let rounds = rounds.iter().filter(|round| round.contestant == name);
    median(rounds.filter_map(value).collect())
}

/// Half-way between the two middle values, where their number is even.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[last.div_ceil(2)]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn takes_what_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}

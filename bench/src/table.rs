//! The medians of a load, as a plain table.

use std::fmt::Write;

use crate::{
    figures::{self, Case, Figure},
    matrix::Measurement,
    results::Round,
};

/// What the others are compared with.
const RIVALS: [&str; 2] = ["websocket", "tonic"];

/// Heading, decimals, and what is shown.
const COLUMNS: [(&str, usize, Figure); 7] = [
    ("a second", 0, figures::rate),
    ("p50 µs", 1, figures::p50),
    ("p99 µs", 1, figures::p99),
    ("p99.9 µs", 1, figures::p999),
    ("server CPU", 2, figures::server_cpu),
    ("client CPU", 2, figures::client_cpu),
    ("bytes", 0, figures::wire_bytes),
];

/// The table.
pub fn of(measurement: &Measurement, rounds: &[Round]) -> String {
    let case = |contestant| Case {
        contestant,
        runtime: measurement.runtime,
        shape: measurement.load.into(),
    };
    let mut table = format!("\n{:<34}", measurement.label());
    for (heading, ..) in COLUMNS {
        cell(&mut table, heading);
    }
    for rival in RIVALS {
        cell(&mut table, &format!("/ {rival}"));
    }
    for name in &measurement.contestants {
        let own = case(name.name);
        let _ = write!(table, "\n  {:<32}", name.name);
        let figures = COLUMNS.map(|(_, decimals, figure)| (own.spread(rounds, figure), decimals));
        let ratios = RIVALS.map(|rival| (own.ratio(case(rival), rounds, figures::rate), 2));
        for (spread, decimals) in figures.into_iter().chain(ratios) {
            let median = spread.map(|spread| format!("{:.decimals$}", spread.median));
            cell(&mut table, median.as_deref().unwrap_or("-"));
        }
    }
    table + "\n"
}

fn cell(table: &mut String, text: &str) {
    let _ = write!(table, "{text:>12}");
}

//! Compares what calls cost with what was accepted before.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{
    Failure,
    scenario::Scenario,
    valgrind::{self, Cost},
};

/// By how much instructions and lines of memory may grow or shrink before something is to be done.
const SHARE: f64 = 0.10;
/// Half an allocation is no more than how calls happened to meet in one write; a whole one is somebody's decision.
const ALLOCATIONS: f64 = 0.5;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cost.json");
const COMMAND: &str = "cargo run --release -p bench --bin cost --";

/// What was accepted, by the names of the scenarios.
#[derive(Default, Deserialize, Serialize)]
#[serde(transparent)]
struct Accepted(BTreeMap<String, Cost>);

/// Measures, and either writes what was measured or fails where it is more than what was written.
pub(crate) fn check(only: &[Scenario], accept: bool) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        return Err(format!("bench/cost.json has the costs of optimised code: {COMMAND}").into());
    }
    let scenarios = if only.is_empty() {
        Scenario::value_variants()
    } else {
        only
    };
    let mut accepted = Accepted::read(Path::new(FILE))?;
    let measured = measure(scenarios)?;

    println!(
        "{:24}{:>22}{:>22}{:>12}{:>18}",
        "per call", "instructions", "allocations", "bytes", "cache lines"
    );
    for (scenario, cost) in &measured {
        println!(
            "{}",
            Line {
                name: scenario.name(),
                cost,
                before: accepted.0.get(&scenario.name())
            }
        );
    }
    if accept {
        if only.is_empty() {
            accepted.0.clear();
        }
        accepted.0.extend(
            measured
                .into_iter()
                .map(|(scenario, cost)| (scenario.name(), cost.rounded())),
        );
        accepted.write(Path::new(FILE))?;
        println!("\nwritten to bench/cost.json");
        return Ok(());
    }
    let (mut grown, mut shrunk) = (Vec::new(), Vec::new());
    for (scenario, cost) in &measured {
        let name = scenario.name();
        match accepted.0.get(&name) {
            Some(before) => {
                grown.extend(differences(&name, cost, before, 1.0));
                shrunk.extend(differences(&name, cost, before, -1.0));
            }
            None => grown.push(format!("{name} is not in bench/cost.json")),
        }
    }
    if !shrunk.is_empty() {
        println!(
            "\n{}\nWell done. Commit it, so that it stays: {COMMAND} --accept",
            shrunk.join("\n")
        );
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "\n{}\nTo see where it goes: {COMMAND} profile SCENARIO\nIf it must be, accept it, and say why in the commit: \
         {COMMAND} --accept",
        grown.join("\n")
    )
    .into())
}

/// What is too much for the sign 1, and what is worth writing down for -1.
fn differences(name: &str, cost: &Cost, before: &Cost, sign: f64) -> Vec<String> {
    let word = if sign > 0.0 { "more" } else { "less" };
    let mut found = Vec::new();
    let mut compare = |what, now: f64, before: f64| {
        let share = sign * (now / before - 1.0);
        if share > SHARE {
            found.push(format!(
                "{name}: {now:.0} {what} per call, {:.1} % {word} than the {before:.0} of bench/cost.json",
                share * 100.0,
            ));
        }
    };
    compare("instructions", cost.instructions, before.instructions);
    // Those that were not accepted yet are more than none.
    if let Some(now) = cost.lines {
        compare("cache lines", now, before.lines.unwrap_or_default());
    }
    let count = sign * (cost.allocations - before.allocations);
    if count > ALLOCATIONS {
        found.push(format!(
            "{name}: {:.1} allocations per call, {count:.1} {word} than the {:.1} of bench/cost.json",
            cost.allocations, before.allocations
        ));
    }
    found
}

/// Measures as many at a time as there are cores: counting does not mind.
fn measure(scenarios: &[Scenario]) -> Result<Vec<(Scenario, Cost)>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(scenarios.iter());
    let worker = || {
        let next = || {
            waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next()
                .copied()
        };
        let mut measured = Vec::new();
        while let Some(scenario) = next() {
            measured.push((scenario, valgrind::cost(scenario)?));
        }
        Ok::<_, Failure>(measured)
    };
    let mut measured = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            measured.extend(worker.join().expect("measuring does not panic")?);
        }
        Ok::<_, Failure>(())
    })?;
    measured.sort_by_key(|&(scenario, _)| scenarios.iter().position(|&other| other == scenario));
    Ok(measured)
}

impl Accepted {
    fn read(file: &Path) -> Result<Self, Failure> {
        match fs::read(file) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("{}: {error}", file.display()).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", file.display()).into()),
        }
    }

    fn write(&self, file: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
    }
}

/// A line of the table.
struct Line<'a> {
    name: String,
    cost: &'a Cost,
    before: Option<&'a Cost>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost {
            instructions,
            allocations,
            bytes,
            lines,
        } = self.cost;
        let share = |now: f64, before: Option<f64>| {
            before.map_or_else(String::new, |before| {
                format!("({:+.1} %)", (now / before - 1.0) * 100.0)
            })
        };
        let of_instructions = share(*instructions, self.before.map(|before| before.instructions));
        let count = self.before.map_or_else(String::new, |before| {
            format!("({:+.1})", allocations - before.allocations)
        });
        let name = &self.name;
        write!(
            f,
            "{name:24}{instructions:>12.0} {of_instructions:>9}{allocations:>13.1} {count:>8}{bytes:>12.0}"
        )?;
        if let Some(lines) = lines {
            let of_lines = share(*lines, self.before.and_then(|before| before.lines));
            write!(f, "{lines:>8.0} {of_lines:>9}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: f64, allocations: f64) -> Cost {
        Cost {
            instructions,
            allocations,
            bytes: 0.0,
            lines: None,
        }
    }

    fn with_lines(lines: f64, cost: Cost) -> Cost {
        Cost {
            lines: Some(lines),
            ..cost
        }
    }

    fn grown(cost: Cost, before: Cost) -> Vec<String> {
        differences("a", &cost, &before, 1.0)
    }

    #[test]
    fn what_differs_little_is_let_pass() {
        let before = cost(1000.0, 12.6);
        for now in [cost(1099.0, 13.0), cost(901.0, 12.2)] {
            assert!(grown(now, before).is_empty());
            assert!(differences("a", &now, &before, -1.0).is_empty());
        }
    }

    #[test]
    fn growth_is_told() {
        let before = cost(1000.0, 12.0);
        assert_eq!(
            grown(cost(1104.0, 13.0), before),
            [
                "a: 1104 instructions per call, 10.4 % more than the 1000 of bench/cost.json",
                "a: 13.0 allocations per call, 1.0 more than the 12.0 of bench/cost.json",
            ]
        );
        assert!(grown(cost(500.0, 2.0), before).is_empty());
        assert_eq!(
            grown(with_lines(223.0, before), with_lines(200.0, before)),
            ["a: 223 cache lines per call, 11.5 % more than the 200 of bench/cost.json"]
        );
        assert!(grown(with_lines(219.0, before), with_lines(200.0, before)).is_empty());
        assert_eq!(grown(with_lines(223.0, before), before).len(), 1);
    }

    #[test]
    fn gains_are_told() {
        assert_eq!(
            differences("a", &cost(800.0, 11.0), &cost(1000.0, 12.0), -1.0),
            [
                "a: 800 instructions per call, 20.0 % less than the 1000 of bench/cost.json",
                "a: 11.0 allocations per call, 1.0 less than the 12.0 of bench/cost.json",
            ]
        );
    }
}

//! Which contestants carry which loads.

use std::{num::NonZeroU16, time::Duration};

use crate::{
    contestant::{NAMES, Name},
    figures::{FEW_CONNECTIONS, MANY_CONNECTIONS, Shape},
    order::{Kind, Load},
    results::Runtime,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// What may be in flight at once, all bodies together.
const MOST_IN_FLIGHT: usize = 64 * MIB;

/// Connections, above which a load takes longer.
const MANY: usize = 1000;
const SHORTEST_WARM_UP: Duration = Duration::from_millis(100);
const LONGEST_WARM_UP: Duration = Duration::from_secs(2);

/// A load, and who is to carry it.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub load: Load,
    pub runtime: Runtime,
    pub contestants: Vec<&'static Name>,
    /// How often each of them does.
    pub rounds: usize,
}

impl Measurement {
    /// How it is called in arguments and tables.
    pub fn label(&self) -> String {
        label(self.load, self.runtime)
    }

    /// Whether a contestant carries this load right after that of `other`, in each round: what is compared are its rates
    /// under both, and the machine drifts.
    pub fn goes_with(&self, other: &Self) -> bool {
        self.load.connections > 1 && other.load.connections > 1
    }

    /// Whether it is one of those that are to carry it.
    pub fn has(&self, name: &Name) -> bool {
        self.contestants.iter().any(|it| it.name == name.name)
    }

    /// How long all of it takes.
    pub fn expected_in_all(&self) -> Duration {
        self.expected() * (self.contestants.len() * self.rounds) as u32
    }

    /// How long one contestant takes for one of its rounds, with the processes' start.
    pub fn expected(&self) -> Duration {
        let start = Duration::from_millis(150);
        // Handshakes, mostly.
        let connecting = Duration::from_micros(600) * self.load.connections as u32;
        let asked = Duration::from_millis(self.load.warm_up_ms + self.load.measured_ms);
        start + connecting + asked
    }
}

/// How a load is called in arguments and tables.
pub fn label(load: Load, runtime: Runtime) -> String {
    let kind = match load.kind {
        Kind::Unary => "unary",
        Kind::ServerStream => "server-stream",
        Kind::Bidirectional => "bidirectional",
    };
    let mut label = format!("{kind}/{}/{}", size_label(load.size), load.in_flight);
    if load.connections > 1 {
        label += &format!("/{}-connections", load.connections);
    }
    if runtime == Runtime::Multi {
        label += "/multi";
    }
    label
}

/// A size in the largest unit that it is a multiple of.
pub fn size_label(size: usize) -> String {
    match size {
        0 => "0B".to_owned(),
        _ if size % MIB == 0 => format!("{}MiB", size / MIB),
        _ if size % KIB == 0 => format!("{}KiB", size / KIB),
        _ => format!("{size}B"),
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Choice {
    /// A few loads, within two minutes.
    pub quick: bool,
    /// How long to count.
    pub measured: Duration,
    /// How often to make each measurement, if that is said.
    pub rounds: Option<NonZeroU16>,
    /// Parts of contestants' names; any of them does.
    pub only: Vec<String>,
    /// Parts of loads' labels, from slash to slash; any of them does.
    pub loads: Vec<String>,
}

impl Choice {
    /// All measurements of this choice.
    pub fn matrix(&self) -> Vec<Measurement> {
        let loads = if self.quick { bar() } else { full() };
        let measurements = loads.into_iter().map(|wanted| self.measurement(wanted));
        measurements
            .filter(|it| self.has(&it.label()) && !it.contestants.is_empty())
            .collect()
    }

    /// Whether a load or a scene of this label is asked for.
    pub fn has(&self, label: &str) -> bool {
        let label = format!("/{label}/");
        any(&self.loads, |filter| label.contains(&format!("/{filter}/")))
    }

    /// Whether a contestant is asked for.
    pub fn has_contestant(&self, name: &str) -> bool {
        any(&self.only, |filter| name.contains(filter))
    }

    /// How often to make a measurement. A machine that is shared is now faster and now slower by a quarter, for a second
    /// at a time: what the bar is about is measured so often that a median tells it from that.
    pub fn rounds(&self, is_of_bar: bool) -> usize {
        let usual = match (self.quick, is_of_bar) {
            (true, _) => 1,
            (false, false) => 3,
            (false, true) => 9,
        };
        self.rounds.map_or(usual, |rounds| rounds.get().into())
    }

    fn measurement(&self, wanted: Wanted) -> Measurement {
        let Wanted { shape, runtime } = wanted;
        // One round of calls over all connections takes a good part of a second where they are ten thousand.
        let measured = self.measured * if shape.connections > MANY { 4 } else { 1 };
        let warm_up = measured / 2;
        let load = Load {
            kind: shape.kind,
            size: shape.size,
            in_flight: shape.in_flight,
            connections: shape.connections,
            warm_up_ms: millis(warm_up.clamp(SHORTEST_WARM_UP, LONGEST_WARM_UP)),
            measured_ms: millis(measured),
        };
        let takes_part = |name: &&Name| name.carries(&load) && self.has_contestant(name.name);
        Measurement {
            load,
            runtime,
            contestants: NAMES.iter().filter(takes_part).collect(),
            rounds: self.rounds(bar().contains(&wanted)),
        }
    }
}

/// Whether one of the filters fits, or there is none.
fn any(filters: &[String], fits: impl Fn(&str) -> bool) -> bool {
    filters.is_empty() || filters.iter().any(|filter| fits(filter))
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

/// A load without its times.
#[derive(Clone, Copy, PartialEq)]
struct Wanted {
    shape: Shape,
    runtime: Runtime,
}

impl Wanted {
    fn pinned(shape: Shape) -> Self {
        let runtime = Runtime::Pinned;
        Self { shape, runtime }
    }

    fn calls(size: usize, in_flight: usize) -> Self {
        Self::pinned(Shape::calls(size, in_flight))
    }

    fn stream(kind: Kind, size: usize) -> Self {
        let one = Shape::calls(size, 1);
        Self::pinned(Shape { kind, ..one })
    }

    fn multi(size: usize, in_flight: usize) -> Self {
        let runtime = Runtime::Multi;
        let pinned = Self::calls(size, in_flight);
        Self { runtime, ..pinned }
    }
}

fn full() -> Vec<Wanted> {
    let mut loads = Vec::new();
    for size in [0, 32, KIB, 64 * KIB, MIB] {
        for in_flight in [1, 16, 256, 4096] {
            if in_flight * size <= MOST_IN_FLIGHT {
                loads.push(Wanted::calls(size, in_flight));
            }
        }
    }
    for kind in [Kind::ServerStream, Kind::Bidirectional] {
        loads.extend([KIB, 64 * KIB].map(|size| Wanted::stream(kind, size)));
    }
    let one_each = [FEW_CONNECTIONS, MANY_CONNECTIONS].map(Shape::one_each);
    loads.extend(one_each.map(Wanted::pinned));
    loads.push(Wanted::multi(32, 256));
    loads
}

/// Those that the bar is about, but for thousands of connections, which take long.
fn bar() -> Vec<Wanted> {
    vec![
        Wanted::calls(32, 1),
        Wanted::calls(32, 256),
        Wanted::calls(KIB, 256),
        Wanted::calls(64 * KIB, 16),
        Wanted::stream(Kind::ServerStream, KIB),
        Wanted::multi(32, 256),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(quick: bool, loads: &[&str]) -> Choice {
        Choice {
            quick,
            measured: Duration::from_millis(500),
            rounds: None,
            only: vec!["raw-tls".into()],
            loads: loads.iter().map(|&load| load.into()).collect(),
        }
    }

    fn labels(quick: bool, loads: &[&str]) -> Vec<String> {
        let matrix = choice(quick, loads).matrix();
        matrix.iter().map(Measurement::label).collect()
    }

    fn labels_of(name: &str) -> Vec<String> {
        let choice = Choice {
            only: vec![name.into()],
            ..choice(false, &[])
        };
        choice.matrix().iter().map(Measurement::label).collect()
    }

    #[test]
    fn each_contestant_has_the_loads_that_it_can_carry() {
        let many = [
            "unary/32B/100/100-connections",
            "unary/32B/10000/10000-connections",
        ];
        assert_eq!(labels_of("raw-tcp"), many);
        assert_eq!(labels_of("bare-tls"), <[&str; 0]>::default());
        let has_streams = |name| labels_of(name).iter().any(|it| it.contains("stream"));
        assert!(has_streams("tonic") && !has_streams("tarpc"));
    }

    #[test]
    fn many_connections_go_with_few() {
        let matrix = choice(false, &[]).matrix();
        let together = matrix.chunk_by(Measurement::goes_with);
        let together: Vec<Vec<String>> = together
            .filter(|measurements| measurements.len() > 1)
            .map(|measurements| measurements.iter().map(Measurement::label).collect())
            .collect();
        assert_eq!(together, [labels_of("raw-tcp")]);
    }

    #[test]
    fn filters_by_whole_parts_of_a_label() {
        assert_eq!(labels(false, &["unary/32B/1"]), ["unary/32B/1"]);
        assert_eq!(
            labels(false, &["multi", "server-stream/64KiB"]),
            ["server-stream/64KiB/1", "unary/32B/256/multi"]
        );
    }

    #[test]
    fn bounds_what_is_in_flight() {
        let labels = labels(false, &["unary"]);
        assert!(labels.contains(&"unary/1MiB/16".to_owned()), "{labels:?}");
        assert!(!labels.contains(&"unary/1MiB/256".to_owned()), "{labels:?}");
        assert!(
            !labels.contains(&"unary/64KiB/4096".to_owned()),
            "{labels:?}"
        );
    }

    #[test]
    fn measures_what_the_bar_is_about_more_often() {
        let rounds = |choice: Choice| -> Vec<usize> {
            let matrix = choice.matrix();
            matrix
                .iter()
                .map(|measurement| measurement.rounds)
                .collect()
        };
        let loads = ["unary/1KiB/256", "unary/1KiB/1"];
        assert_eq!(rounds(choice(false, &loads)), [3, 9]);
        assert_eq!(rounds(choice(true, &loads)), [1]);
        let twice = NonZeroU16::new(2);
        let choice = choice(false, &loads);
        let choice = Choice {
            rounds: twice,
            ..choice
        };
        assert_eq!(rounds(choice), [2, 2]);
    }

    #[test]
    fn every_load_has_a_label_of_its_own() {
        let mut labels = labels(false, &[]);
        let count = labels.len();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), count);
    }

    #[test]
    fn quick_leaves_half_of_its_two_minutes_to_the_scenes() {
        let choice = Choice {
            quick: true,
            measured: Duration::from_millis(400),
            rounds: None,
            only: Vec::new(),
            loads: Vec::new(),
        };
        let matrix = choice.matrix();
        let expected: Duration = matrix.iter().map(Measurement::expected_in_all).sum();
        assert!(expected < Duration::from_secs(60), "{expected:?}");
    }
}

//! Figures out of the measurements: of a contestant under a load, over all rounds.

use crate::{
    order::{Kind, Load},
    results::{IdleMemory, Results, Round, Runtime},
};

/// The median and the range of one figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The lowest.
    pub low: f64,
    /// Half of the rounds were lower.
    pub median: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Of these values, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => (values[middle - 1] + values[middle]) / 2.0,
            _ => values[middle],
        };
        Some(Self { low, median, high })
    }
}

/// What one of so many idle connections takes, over all rounds: memory in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct IdleConnection {
    /// By name.
    pub contestant: String,
    /// How many there were.
    pub connections: usize,
    /// Of the server's resident memory.
    pub resident: Spread,
    /// The same after all of them were busy, and idle again.
    pub after_burst: Option<Spread>,
    /// Of the kernel's, for the sockets of both sides.
    pub kernel: Option<Spread>,
    /// Of the server's CPU, in microseconds a second.
    pub cpu: Option<Spread>,
}

impl IdleConnection {
    /// All that were measured, those of a contestant from few connections to many.
    pub fn all(results: &Results) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for idle in &results.idle_memory {
            let (contestant, connections) = (&idle.contestant, idle.connections);
            let same = |it: &Self| it.contestant == *contestant && it.connections == connections;
            if all.iter().any(same) {
                continue;
            }
            let each = |in_all: fn(&IdleMemory) -> Option<f64>| {
                let rounds = results.idle_memory.iter();
                let rounds = rounds
                    .filter(|it| it.contestant == *contestant && it.connections == connections);
                Spread::of(
                    rounds
                        .filter_map(in_all)
                        .map(|in_all| in_all / connections as f64),
                )
            };
            if let Some(resident) = each(|it| Some(it.server_rss_bytes as f64)) {
                all.push(Self {
                    contestant: contestant.clone(),
                    connections,
                    resident,
                    after_burst: each(|it| it.after_burst_rss_bytes.map(|bytes| bytes as f64)),
                    kernel: each(|it| it.kernel_socket_bytes.map(|bytes| bytes as f64)),
                    cpu: each(|it| it.idle_cores.map(|cores| cores * 1e6)),
                });
            }
        }
        all.sort_by_key(|it| it.connections);
        all
    }
}

/// Numbers of connections whose rates are compared.
pub const FEW_CONNECTIONS: usize = 100;
/// The other one.
pub const MANY_CONNECTIONS: usize = 10_000;

/// A load, without how long it was carried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// What kind of method is called.
    pub kind: Kind,
    /// Bytes of each message's body.
    pub size: usize,
    /// Calls or streams that are open at any time.
    pub in_flight: usize,
    /// Connections that they are spread over.
    pub connections: usize,
}

impl Shape {
    /// Calls on one connection.
    pub const fn calls(size: usize, in_flight: usize) -> Self {
        Self {
            kind: Kind::Unary,
            size,
            in_flight,
            connections: 1,
        }
    }

    /// A small call in flight on each of these connections.
    pub const fn one_each(connections: usize) -> Self {
        Self {
            connections,
            ..Self::calls(32, connections)
        }
    }

    /// All that were measured so, smallest first.
    pub fn all(results: &Results, runtime: Runtime) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for round in results
            .rounds
            .iter()
            .filter(|round| round.runtime == runtime)
        {
            let shape = Self::from(round.load);
            if !all.contains(&shape) {
                all.push(shape);
            }
        }
        all.sort_by_key(|shape| {
            (
                shape.kind as u8,
                shape.connections,
                shape.size,
                shape.in_flight,
            )
        });
        all
    }
}

impl From<Load> for Shape {
    fn from(
        Load {
            kind,
            size,
            in_flight,
            connections,
            ..
        }: Load,
    ) -> Self {
        Self {
            kind,
            size,
            in_flight,
            connections,
        }
    }
}

/// Something that a round tells, if it has calls to tell of.
pub type Figure = fn(&Round) -> Option<f64>;

/// Calls, or a stream's messages, a second.
pub fn rate(round: &Round) -> Option<f64> {
    (round.counted.seconds > 0.0).then(|| round.counted.count as f64 / round.counted.seconds)
}

/// Microseconds that half of the calls stayed below.
pub fn p50(round: &Round) -> Option<f64> {
    round.counted.latency.map(|latency| latency.p50)
}

/// Microseconds that 99 % of the calls stayed below.
pub fn p99(round: &Round) -> Option<f64> {
    round.counted.latency.map(|latency| latency.p99)
}

/// Microseconds that 99.9 % of the calls stayed below.
pub fn p999(round: &Round) -> Option<f64> {
    round.counted.latency.map(|latency| latency.p999)
}

/// Microseconds of the slowest call.
pub fn slowest(round: &Round) -> Option<f64> {
    round.counted.latency.map(|latency| latency.max)
}

/// CPU seconds of the server per million calls, which is microseconds per call.
pub fn server_cpu(round: &Round) -> Option<f64> {
    per_call(round, round.server_cpu_seconds * 1e6)
}

/// CPU seconds of the client per million calls, which is microseconds per call.
pub fn client_cpu(round: &Round) -> Option<f64> {
    per_call(round, round.client_cpu_seconds * 1e6)
}

/// Bytes on the wire per call, both ways.
pub fn wire_bytes(round: &Round) -> Option<f64> {
    per_call(round, round.wire_bytes as f64)
}

fn per_call(round: &Round, total: f64) -> Option<f64> {
    (round.counted.count > 0).then(|| total / round.counted.count as f64)
}

/// A contestant under a load.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its name.
    pub contestant: &'a str,
    /// How its processes ran.
    pub runtime: Runtime,
    /// The load.
    pub shape: Shape,
}

impl<'a> Case<'a> {
    /// With both processes pinned.
    pub const fn pinned(contestant: &'a str, shape: Shape) -> Self {
        Self {
            contestant,
            runtime: Runtime::Pinned,
            shape,
        }
    }

    /// A figure over all of its rounds among these, if it was measured.
    pub fn spread(self, rounds: &[Round], figure: Figure) -> Option<Spread> {
        Spread::of(self.own(rounds).filter_map(figure))
    }

    /// The ratio of a figure to that of another case, each round with the other's in the same round.
    pub fn ratio(self, to: Case<'_>, rounds: &[Round], figure: Figure) -> Option<Spread> {
        let within = |one: &Round| {
            let other = to.own(rounds).find(|other| other.number == one.number)?;
            Some(figure(one)? / figure(other)?)
        };
        Spread::of(self.own(rounds).filter_map(within))
    }

    fn own<'r>(self, rounds: &'r [Round]) -> impl Iterator<Item = &'r Round> + use<'r, 'a> {
        rounds.iter().filter(move |round| {
            round.contestant == self.contestant
                && round.runtime == self.runtime
                && Shape::from(round.load) == self.shape
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_median_and_the_range() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[3.0, 1.0, 2.0]),
            Some(Spread {
                low: 1.0,
                median: 2.0,
                high: 3.0
            })
        );
        assert_eq!(
            of(&[4.0, 1.0, 2.0, 3.0]),
            Some(Spread {
                low: 1.0,
                median: 2.5,
                high: 4.0
            })
        );
        assert_eq!(
            of(&[f64::INFINITY, 1.0]),
            Some(Spread {
                low: 1.0,
                median: 1.0,
                high: 1.0
            })
        );
    }

    #[test]
    fn idle_connections_are_over_all_rounds() {
        let idle = |contestant: &str, connections, bytes| IdleMemory {
            contestant: contestant.to_owned(),
            connections,
            server_rss_bytes: bytes,
            after_burst_rss_bytes: Some(2 * bytes),
            kernel_socket_bytes: None,
            idle_cores: Some(bytes as f64 / 1e6),
        };
        let results = Results {
            idle_memory: vec![
                idle("a", 100, 1_000),
                idle("b", 10, 500),
                idle("a", 10, 100),
                idle("a", 10, 300),
                idle("a", 10, 200),
            ],
            ..Results::default()
        };
        let all = IdleConnection::all(&results);
        let medians = all.iter().map(|it| {
            let (resident, after) = (it.resident.median, it.after_burst.map(|it| it.median));
            assert_eq!(it.cpu, Some(it.resident), "a microsecond for each byte");
            (it.contestant.as_str(), it.connections, resident, after)
        });
        assert_eq!(
            medians.collect::<Vec<_>>(),
            [
                ("b", 10, 50.0, Some(100.0)),
                ("a", 10, 20.0, Some(40.0)),
                ("a", 100, 10.0, Some(20.0)),
            ]
        );
        assert!(all.iter().all(|it| it.kernel.is_none()));
    }
}

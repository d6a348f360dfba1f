//! What wsrpc must reach, and what this run says of it.

use super::numbers;
use crate::{
    figures::{
        self, Case, FEW_CONNECTIONS, Figure, IdleConnection, MANY_CONNECTIONS, Shape, Spread,
    },
    order::Kind,
    results::{Handshakes, Results, Runtime},
};

const V2: &str = "wsrpc-v2";
/// The same, called by the server.
const V2_SERVER: &str = "wsrpc-v2-calls-client";
const RAW_TLS: &str = "raw-tls";
const BARE_TLS: &str = "bare-tls";
const WEBSOCKET: &str = "websocket";
const TONIC: &str = "tonic";
const KIB: usize = 1024;

/// A row of the bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Requirement {
    /// What is required of what.
    pub(super) what: String,
    /// What it is measured against.
    wanted: Wanted,
    /// What it came to.
    measured: Option<Spread>,
    /// What limit B came to in the same run, where that shows what the machine allows.
    limit: Option<Spread>,
    /// Whether it is only aimed at.
    pub(super) aim: bool,
}

/// What a requirement's figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Least(f64),
    Most(f64),
    /// Of memory, in bytes.
    MostBytes(f64),
}

impl Requirement {
    fn at_least(what: impl Into<String>, wanted: f64, measured: Option<Spread>) -> Self {
        Self {
            what: what.into(),
            wanted: Wanted::Least(wanted),
            measured,
            limit: None,
            aim: false,
        }
    }

    fn at_most(what: impl Into<String>, wanted: f64, measured: Option<Spread>) -> Self {
        Self {
            what: what.into(),
            wanted: Wanted::Most(wanted),
            measured,
            limit: None,
            aim: false,
        }
    }

    fn at_most_kib(what: impl Into<String>, wanted: usize, measured: Option<Spread>) -> Self {
        Self {
            what: what.into(),
            wanted: Wanted::MostBytes((wanted * KIB) as f64),
            measured,
            limit: None,
            aim: false,
        }
    }

    fn beside_limit(self, limit: Option<Spread>) -> Self {
        Self { limit, ..self }
    }

    fn only_an_aim(self) -> Self {
        Self { aim: true, ..self }
    }

    /// What is wanted, in a few words.
    pub(super) fn wanted(&self) -> String {
        let wanted = match self.wanted {
            Wanted::Least(least) => format!("at least {least}"),
            Wanted::Most(most) => format!("at most {most}"),
            Wanted::MostBytes(most) => format!("at most {} KiB", most / KIB as f64),
        };
        if self.aim {
            format!("aim: {wanted}")
        } else {
            wanted
        }
    }

    /// What was measured, in a few words.
    pub(super) fn measured(&self) -> String {
        self.measured.map_or_else(
            || "not measured".to_owned(),
            |measured| numbers::spread(measured, self.shown()),
        )
    }

    /// What limit B came to, in a few words.
    pub(super) fn limit(&self) -> Option<String> {
        let limit = self.limit?;
        Some(numbers::spread(limit, self.shown()))
    }

    fn shown(&self) -> fn(f64) -> String {
        match self.wanted {
            Wanted::MostBytes(_) => numbers::memory,
            _ => numbers::ratio,
        }
    }

    /// Whether it was met, if it was measured.
    pub(super) fn met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.wanted {
            Wanted::Least(least) => median >= least,
            Wanted::Most(most) | Wanted::MostBytes(most) => median <= most,
        })
    }

    /// The same as a word.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.met(), self.aim) {
            (None, _) => "–",
            (Some(true), false) => "met",
            (Some(false), false) => "**not met**",
            (Some(true), true) => "reached",
            (Some(false), true) => "not reached",
        }
    }
}

/// Every requirement, whether or not it was measured.
pub(super) fn bar(results: &Results) -> Vec<Requirement> {
    let mut bar = calls(results);
    bar.extend(server_calls(results));
    bar.extend(streams_and_v1(results));
    bar.extend(multi(results));
    bar.extend(idle_memory(results));
    bar.push(handshakes(results));
    bar.extend(many_connections(results));
    bar
}

fn calls(results: &Results) -> Vec<Requirement> {
    let ratio = |of, size, in_flight, to, figure: Figure| {
        let shape = Shape::calls(size, in_flight);
        Case::pinned(of, shape).ratio(Case::pinned(to, shape), &results.rounds, figure)
    };
    let v2 = |size, in_flight, to, figure| ratio(V2, size, in_flight, to, figure);
    let limit_to_tonic = |in_flight, figure| ratio(WEBSOCKET, 32, in_flight, TONIC, figure);
    let rate = |size, in_flight, to| v2(size, in_flight, to, figures::rate);
    vec![
        Requirement::at_least(
            "32 B, 256 in flight: calls/s to limit B's",
            0.75,
            rate(32, 256, WEBSOCKET),
        ),
        Requirement::at_least(
            "32 B, 256 in flight: calls/s to tonic's",
            15.0,
            rate(32, 256, TONIC),
        )
        .beside_limit(limit_to_tonic(256, figures::rate)),
        Requirement::at_least(
            "32 B, 256 in flight: calls/s to limit A's",
            0.5,
            rate(32, 256, RAW_TLS),
        )
        .only_an_aim(),
        Requirement::at_least(
            "32 B, 1 in flight: calls/s to limit B's",
            0.9,
            rate(32, 1, WEBSOCKET),
        ),
        Requirement::at_most(
            "32 B, 1 in flight: p50 to tonic's",
            0.55,
            v2(32, 1, TONIC, figures::p50),
        )
        .beside_limit(limit_to_tonic(1, figures::p50)),
        Requirement::at_least(
            "1 KiB, 256 in flight: calls/s to limit B's",
            0.7,
            rate(KIB, 256, WEBSOCKET),
        ),
        Requirement::at_least(
            "64 KiB, 16 in flight: calls/s to limit B's",
            0.85,
            rate(64 * KIB, 16, WEBSOCKET),
        ),
    ]
}

fn server_calls(results: &Results) -> impl Iterator<Item = Requirement> + use<'_> {
    [(32, 256), (32, 1), (KIB, 256), (64 * KIB, 16)].into_iter().map(|(size, in_flight)| {
        let shape = Shape::calls(size, in_flight);
        let (server, client) = (Case::pinned(V2_SERVER, shape), Case::pinned(V2, shape));
        Requirement::at_least(
            format!(
                "{}, {in_flight} in flight: calls/s of a server to its client, to a client's to its server",
                numbers::size(size)
            ),
            // As much as medians of one and the same differ by.
            0.9,
            server.ratio(client, &results.rounds, figures::rate),
        )
    })
}

fn streams_and_v1(results: &Results) -> [Requirement; 2] {
    let pair = |one, other, shape| {
        Case::pinned(one, shape).ratio(Case::pinned(other, shape), &results.rounds, figures::rate)
    };
    let stream = Shape {
        kind: Kind::ServerStream,
        ..Shape::calls(KIB, 1)
    };
    [
        Requirement::at_least(
            "Version 1, 32 B, 256 in flight: calls/s to those of the Go library with itself",
            5.0,
            pair("wsrpc-v1", "go-wsrpc", Shape::calls(32, 256)),
        ),
        Requirement::at_least(
            "One stream of 1 KiB: messages/s to limit B's one way",
            0.7,
            pair(V2, WEBSOCKET, stream),
        ),
    ]
}

fn multi(results: &Results) -> [Requirement; 2] {
    let ratio = |of, other| {
        let case = |contestant| Case {
            contestant,
            runtime: Runtime::Multi,
            shape: Shape::calls(32, 256),
        };
        case(of).ratio(case(other), &results.rounds, figures::rate)
    };
    [
        Requirement::at_least(
            "Multi-thread, 32 B, 256 in flight: calls/s to tonic's",
            8.0,
            ratio(V2, TONIC),
        )
        .beside_limit(ratio(WEBSOCKET, TONIC)),
        Requirement::at_least(
            "Multi-thread, 32 B, 256 in flight: calls/s to limit B's",
            0.35,
            ratio(V2, WEBSOCKET),
        ),
    ]
}

fn idle_memory(results: &Results) -> Vec<Requirement> {
    let all = IdleConnection::all(results);
    let ours = |connections| {
        let mut all = all.iter();
        all.find(|idle| idle.contestant == V2 && idle.connections == connections)
    };
    let resting = |connections| ours(connections).map(|idle| idle.resident);
    let rested = |connections| ours(connections)?.after_burst;
    let mut rows = Vec::new();
    for connections in [1_000, 10_000, 50_000] {
        let one = format!("one of {}", numbers::count(connections));
        let idle = format!("Idle connection, {one}: memory of the server");
        rows.push(Requirement::at_most_kib(idle, 20, resting(connections)));
        let busy = format!("The same after it was busy, {one}");
        rows.push(Requirement::at_most_kib(busy, 20, rested(connections)));
    }
    rows.push(
        Requirement::at_most_kib(
            "Idle, one of 50,000: memory of the server",
            16,
            resting(50_000),
        )
        .only_an_aim(),
    );
    rows
}

fn handshakes(results: &Results) -> Requirement {
    let of = |contestant| {
        let all = results.handshakes.iter();
        all.filter(move |it| it.contestant == contestant)
    };
    let per_core_second = |it: &Handshakes| it.handshakes as f64 / it.server_cpu_seconds;
    let measured = of(V2).filter_map(|ours| {
        let bare = of(BARE_TLS).find(|bare| bare.round == ours.round)?;
        Some(per_core_second(ours) / per_core_second(bare))
    });
    Requirement::at_least(
        "Full mutual handshakes per core-second to a bare acceptor's",
        0.85,
        Spread::of(measured),
    )
}

fn many_connections(results: &Results) -> [Requirement; 2] {
    let to_few = |contestant| {
        let one_each = |connections| Case::pinned(contestant, Shape::one_each(connections));
        one_each(MANY_CONNECTIONS).ratio(one_each(FEW_CONNECTIONS), &results.rounds, figures::rate)
    };
    let of = |what, contestant| {
        Requirement::at_least(what, 0.8, to_few(contestant)).beside_limit(to_few(WEBSOCKET))
    };
    [
        of(
            format!(
                "{} connections, one call of 32 B on each: calls/s to those of {FEW_CONNECTIONS} connections",
                numbers::count(MANY_CONNECTIONS)
            ),
            V2,
        ),
        of(
            "The same, and it is the server that calls its clients".to_owned(),
            V2_SERVER,
        ),
    ]
}

#[cfg(test)]
mod tests;

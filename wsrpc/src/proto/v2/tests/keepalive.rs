//! How long a round trip takes, and that nothing is said that nobody asked for.

use std::time::{Duration, Instant};

use super::{
    half::{Half, limits, peer},
    pair::Pair,
};
use crate::{
    proto::{Event, KeepaliveConfig, Limits, v2::round_trip::RoundTrip},
    wire::random::Random,
};

const KEEPALIVE: KeepaliveConfig = KeepaliveConfig {
    ping_after: Duration::from_secs(15),
    idle_timeout: Duration::from_secs(45),
    pong_interval: Duration::from_secs(5),
    write_timeout: Duration::from_secs(10),
};

fn kept_alive() -> Limits {
    Limits {
        keepalive: KEEPALIVE,
        ..limits()
    }
}

#[test]
fn two_idle_sides_keep_each_other_alive_by_pings() {
    // The pair fails at a pong that nobody asked for.
    let mut pair = Pair::new([kept_alive(), kept_alive()], Random::new(0), 1_000);
    pair.run_for(Duration::from_secs(3_600));
    for side in &pair.sides {
        assert_eq!(side.core.ended(), None);
        // The pong came a round trip after its ping.
        assert_eq!(side.core.round_trip.get(), Some(2 * pair.latency));
    }
}

#[test]
fn a_tick_of_the_keepalive_only_gives_memory_back() {
    let mut half = Half::with(kept_alive(), peer());
    half.core.handle_timeout(half.now + Duration::from_secs(5));
    assert_eq!(half.core.poll_event(), Some(Event::Shrink));
    assert_eq!(half.core.poll_event(), None);
}

#[test]
fn the_shortest_round_trip_counts() {
    let now = Instant::now();
    let at = |millis| now + Duration::from_millis(millis);
    let mut round_trip = RoundTrip::default();
    assert!(round_trip.wants_ping());
    round_trip.ponged(at(1));
    assert_eq!(round_trip.get(), None, "no ping was sent");
    for (pinged, ponged) in [(10, 60), (100, 130), (200, 290)] {
        round_trip.pinged(at(pinged));
        assert!(!round_trip.wants_ping());
        round_trip.ponged(at(ponged));
    }
    assert_eq!(round_trip.get(), Some(Duration::from_millis(30)));
}

#[test]
fn a_second_ping_before_the_pong_makes_no_round_trip_shorter() {
    let now = Instant::now();
    let mut round_trip = RoundTrip::default();
    round_trip.pinged(now);
    round_trip.pinged(now + Duration::from_millis(90));
    round_trip.ponged(now + Duration::from_millis(100));
    round_trip.ponged(now + Duration::from_millis(190));
    assert_eq!(round_trip.get(), Some(Duration::from_millis(100)));
}

//! Pings, what is seen to now and then, and how long a round trip takes.

use std::time::{Duration, Instant};

use super::{
    half::{Half, end_frame, limits, open_frame, peer, whole},
    pair::Pair,
};
use crate::{
    config::SessionConfig,
    proto::{Answer, Event, KeepaliveConfig, Limits, v2::round_trip::RoundTrip},
    wire::random::Random,
};

const KEEPALIVE: KeepaliveConfig = KeepaliveConfig {
    ping_after: Duration::from_secs(15),
    idle_timeout: Duration::from_secs(45),
    tick_after: Duration::from_secs(5),
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
fn with_the_default_settings_only_the_client_pings() {
    let limits = |is_client| Limits::clone(&SessionConfig::default().resolve(is_client).limits);
    let mut pair = Pair::new([limits(true), limits(false)], Random::new(0), 1_000);
    pair.run_for(Duration::from_secs(3_600));
    let round_trips = pair.sides.each_ref().map(|side| {
        assert_eq!(side.core.ended(), None);
        side.core.round_trip.get()
    });
    assert_eq!(round_trips, [Some(2 * pair.latency), None]);
}

/// What is done after so many seconds, and how many more it is until there is something to do.
fn after(half: &mut Half, seconds: u64) -> (Vec<Event>, Duration) {
    half.now += Duration::from_secs(seconds);
    half.core.handle_timeout(half.now);
    let events = std::iter::from_fn(|| half.core.poll_event()).collect();
    let next = half.core.next_timeout().unwrap();
    (events, next.saturating_duration_since(half.now))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_session_that_does_nothing_only_pings() {
    let mut half = Half::with(kept_alive(), peer());
    assert_eq!(after(&mut half, 0), (vec![], 15 * SECOND));
    assert_eq!(after(&mut half, 15), (vec![Event::Ping], 30 * SECOND));
    half.core.keepalive().heard(half.now);
    assert_eq!(after(&mut half, 0), (vec![], 15 * SECOND));
}

#[test]
fn memory_is_looked_after_while_there_are_calls_and_once_after_the_last_one() {
    let mut half = Half::with(kept_alive(), peer());
    let (key, id) = half.sent(Some("x".into()), false);
    for _ in 0..3 {
        half.core.keepalive().heard(half.now);
        assert_eq!(after(&mut half, 5), (vec![Event::Shrink], 5 * SECOND));
    }
    half.core.keepalive().heard(half.now);
    half.receive(end_frame(id, 0, false, Some(b"x")));
    assert!(half.reply(key).is_some_and(|reply| reply.is_ok()));
    assert_eq!(after(&mut half, 5), (vec![Event::Shrink], 10 * SECOND));

    half.core.keepalive().heard(half.now);
    half.receive(open_frame(2, whole(b"x"), true));
    let slot = half.started().slot;
    assert_eq!(after(&mut half, 5), (vec![Event::Shrink], 5 * SECOND));
    half.core.keepalive().heard(half.now);
    half.core.answer(slot, Ok(Answer::default()));
    assert_ne!(half.frames(), []);
    assert_eq!(after(&mut half, 5), (vec![Event::Shrink], 10 * SECOND));
}

#[test]
fn memory_of_calls_that_were_given_up_before_they_were_sent_is_looked_after() {
    let mut half = Half::with(kept_alive(), peer());
    for key in [half.call("x"), half.call("y")] {
        half.core.release(key);
    }
    assert_eq!(half.frames(), []);
    assert_eq!(after(&mut half, 5), (vec![Event::Shrink], 10 * SECOND));
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

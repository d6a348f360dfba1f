//! When a side pings, pongs and gives up.

use std::time::{Duration, Instant};

use super::half::{Half, limits};
use crate::{
    proto::{Event, Keepalive, KeepaliveConfig, Limits, Signal},
    session_end::SessionEnd,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONFIG: KeepaliveConfig = KeepaliveConfig {
    ping_after: seconds(15),
    idle_timeout: seconds(45),
    tick_after: seconds(5),
    write_timeout: seconds(10),
};

/// Never pongs, so that a test sees the rest.
const QUIET: KeepaliveConfig = KeepaliveConfig {
    tick_after: Duration::MAX,
    ..CONFIG
};

fn ping() -> Signal {
    Signal::Ping
}

fn idle() -> Signal {
    Signal::End(SessionEnd::KeepaliveTimeout(CONFIG.idle_timeout))
}

fn stalled() -> Signal {
    Signal::End(SessionEnd::WriteTimeout(CONFIG.write_timeout))
}

/// What happens to a keepalive, at a second after its start.
enum At {
    Heard(u64),
    Waiting(u64),
    Progress(u64),
    AllWritten(u64),
}

/// All signals until the first end, or the minute is over, with the second at which they come. Looks only when it is
/// told to.
fn signals(config: KeepaliveConfig, script: &[At]) -> Vec<(u64, Signal)> {
    let start = Instant::now();
    let mut keepalive = Keepalive::new(start);
    keepalive.ask_for_tick(&config, start);
    let mut signals = Vec::new();
    let mut next = keepalive.next_timeout(&config);
    for second in 0..=60 {
        let now = start + seconds(second);
        for event in script {
            match event {
                At::Heard(at) if *at == second => keepalive.heard(now),
                At::Waiting(at) if *at == second => keepalive.waiting(now),
                At::Progress(at) if *at == second => keepalive.wrote(now, true),
                At::AllWritten(at) if *at == second => keepalive.wrote(now, false),
                _ => continue,
            }
            next = keepalive.next_timeout(&config);
        }
        if now < next {
            continue;
        }
        while let Some(signal) = keepalive.poll(&config, now) {
            let end = matches!(signal, Signal::End(_));
            if signal == Signal::Tick {
                keepalive.ask_for_tick(&config, now);
            }
            signals.push((second, signal));
            if end {
                return signals;
            }
        }
        next = keepalive.next_timeout(&config);
        assert!(next > now, "it asks to be looked at for nothing");
    }
    signals
}

#[test]
fn silence_is_pinged_once_and_then_ended() {
    assert_eq!(signals(QUIET, &[]), [(15, ping()), (45, idle())]);
}

#[test]
fn any_byte_is_life() {
    let heard = [At::Heard(10), At::Heard(24)];
    assert_eq!(signals(QUIET, &heard), [(39, ping())]);
    let answered = [At::Heard(16), At::Heard(32), At::Heard(48)];
    assert_eq!(
        signals(QUIET, &answered),
        [(15, ping()), (31, ping()), (47, ping())]
    );
}

#[test]
fn a_tick_that_is_asked_for_again_comes_at_every_interval_whatever_is_heard() {
    let heard: Vec<At> = (0..60).map(At::Heard).collect();
    let ticks: Vec<_> = (1..=12).map(|turn| (turn * 5, Signal::Tick)).collect();
    assert_eq!(signals(CONFIG, &heard), ticks);
}

#[test]
fn what_waits_without_progress_ends_the_session() {
    assert_eq!(signals(QUIET, &[At::Waiting(3)]), [(13, stalled())]);
    // It is since when something waits that counts, not since when it was last asked.
    let script = [At::Waiting(3), At::Waiting(12)];
    assert_eq!(signals(QUIET, &script), [(13, stalled())]);
    // What is received is no progress in writing.
    let script = [At::Waiting(3), At::Heard(12)];
    assert_eq!(signals(QUIET, &script), [(13, stalled())]);
}

#[test]
fn progress_starts_the_write_time_out_anew_and_the_last_byte_stops_it() {
    let script = [At::Waiting(1), At::Progress(9), At::Progress(14)];
    let expected = [(15, ping()), (24, stalled())];
    assert_eq!(signals(QUIET, &script), expected);
    let script = [At::Waiting(1), At::Progress(9), At::AllWritten(14)];
    let expected = [(15, ping()), (45, idle())];
    assert_eq!(signals(QUIET, &script), expected);
}

#[test]
fn an_idle_time_out_below_the_ping_interval_ends_without_a_ping() {
    let config = KeepaliveConfig {
        idle_timeout: seconds(7),
        ..QUIET
    };
    let end = SessionEnd::KeepaliveTimeout(seconds(7));
    assert_eq!(signals(config, &[]), [(7, Signal::End(end))]);
}

#[test]
fn durations_beyond_all_time_never_come() {
    let never = KeepaliveConfig {
        ping_after: Duration::MAX,
        idle_timeout: Duration::MAX,
        tick_after: Duration::MAX,
        write_timeout: Duration::MAX,
    };
    assert_eq!(signals(never, &[At::Waiting(1)]), []);
}

#[test]
fn one_tick_comes_for_each_that_was_asked_for_however_late_the_timer_is() {
    let start = Instant::now();
    let mut keepalive = Keepalive::new(start);
    keepalive.ask_for_tick(&CONFIG, start);
    keepalive.ask_for_tick(&CONFIG, start + seconds(4));
    assert_eq!(keepalive.next_timeout(&CONFIG), start + seconds(5));
    let late = start + seconds(1_000);
    keepalive.heard(late);
    assert_eq!(keepalive.poll(&CONFIG, late), Some(Signal::Tick));
    assert_eq!(keepalive.poll(&CONFIG, late), None);
    assert_eq!(keepalive.next_timeout(&CONFIG), late + CONFIG.ping_after);
    keepalive.ask_for_tick(&CONFIG, late);
    assert_eq!(keepalive.next_timeout(&CONFIG), late + seconds(5));
}

#[test]
fn the_core_passes_on_what_keepalive_wants() {
    let mut half = Half::new(Limits {
        keepalive: CONFIG,
        ..limits()
    });
    let key = half.call("x");
    half.sent_request();
    assert_eq!(half.core.next_timeout(), Some(half.now + seconds(5)));
    half.advance(seconds(15));
    assert_eq!(half.core.poll_event(), Some(Event::Ping));
    assert_eq!(half.core.poll_event(), Some(Event::Pong));
    assert_eq!(half.core.poll_event(), None);
    half.advance(seconds(30));
    let end = SessionEnd::KeepaliveTimeout(CONFIG.idle_timeout);
    assert_eq!(half.core.ended(), Some(&end));
    assert!(half.error(key).message().contains("nothing was received"));
}

#[test]
fn a_deadline_before_the_next_keepalive_is_what_the_core_waits_for() {
    let mut half = Half::new(Limits {
        keepalive: CONFIG,
        ..limits()
    });
    half.call_within(seconds(2));
    half.call_within(seconds(1));
    assert_eq!(half.core.next_timeout(), Some(half.now + seconds(1)));
}

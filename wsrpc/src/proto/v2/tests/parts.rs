//! Ids, the pool, and the two halves of a direction, each by itself.

use std::{num::NonZeroU64, time::Instant};

use bytes::Bytes;

use crate::{
    proto::{
        Key, Message,
        v2::{
            ids::{Found, Ids, Parity},
            pool::Pool,
            receive::{Effect, Freed, ReceiveHalf},
            send::{Piece, SendHalf},
            spare::Spare,
        },
    },
    wire::v2::{Chunk, NUMBER_LIMIT},
};

fn key(n: usize) -> Key {
    Key::new(n, 0)
}

#[test]
fn ids_of_each_side_have_their_parity_and_rise() {
    for (parity, first) in [(Parity::Odd, 1), (Parity::Even, 2)] {
        let mut ids = Ids::new(parity);
        assert_eq!(ids.find(first), Found::NeverOpened);
        assert_eq!(ids.give(key(7)), Some(first));
        assert_eq!(ids.give(key(8)), Some(first + 2));
        assert_eq!(ids.find(first), Found::Live(key(7)));
        ids.remove(first);
        assert_eq!(ids.find(first), Found::Ended);
        assert_eq!(ids.find(first + 4), Found::NeverOpened);
        assert!(!ids.may_open(first + 4), "it has the other parity");
    }
}

#[test]
fn an_id_of_the_peers_that_was_skipped_counts_as_ended() {
    let mut ids = Ids::new(Parity::Odd);
    assert!(ids.may_open(6));
    ids.take(6, key(1));
    for id in [2, 4] {
        assert_eq!(ids.find(id), Found::Ended);
        assert!(!ids.may_open(id));
    }
    assert!(!ids.may_open(6));
    assert_eq!(ids.find(8), Found::NeverOpened);
    ids.skip(10);
    assert_eq!((ids.find(8), ids.find(10)), (Found::Ended, Found::Ended));
    assert_eq!(ids.last_peers(), 10);
}

#[test]
fn ids_are_used_up_at_2_to_the_53() {
    let mut ids = Ids::new(Parity::Odd);
    ids.skip_own(NUMBER_LIMIT - 1);
    assert_eq!(ids.give(key(1)), Some(NUMBER_LIMIT - 1));
    assert_eq!(ids.give(key(2)), None);
}

#[test]
fn the_pool_serves_in_order() {
    let mut pool = Pool::new(100, 10);
    assert_eq!(pool.reserve(key(1), 90), None);
    let second = pool.reserve(key(2), 20).unwrap();
    // It would fit, and must not overtake.
    let third = pool.reserve(key(3), 5).unwrap();
    assert_ne!(second, third);
    assert_eq!(pool.admit(), None);
    pool.give_back(90);
    assert_eq!(pool.admit(), Some(key(2)));
    assert_eq!(pool.admit(), Some(key(3)));
    assert_eq!((pool.admit(), pool.free(), pool.waiting()), (None, 75, 0));
}

#[test]
fn who_leaves_the_queue_of_the_pool_lets_others_in() {
    let mut pool = Pool::new(100, 10);
    assert_eq!(pool.reserve(key(1), 90), None);
    let second = pool.reserve(key(2), 20).unwrap();
    pool.reserve(key(3), 5);
    pool.forget(second);
    assert_eq!(pool.admit(), Some(key(3)));
    assert_eq!(pool.free(), 5);
}

#[test]
fn windows_leave_room_in_the_pool_for_messages() {
    let mut pool = Pool::new(100, 30);
    assert!(pool.try_grow(40));
    assert!(!pool.try_grow(11), "half of it is for messages");
    assert!(pool.try_grow(10));
    let mut pool = Pool::new(100, 80);
    assert!(!pool.try_grow(21), "the largest message always fits");
    assert!(pool.try_grow(20));
    let mut pool = Pool::new(100, 10);
    pool.reserve(key(1), 100);
    pool.reserve(key(2), 1);
    pool.give_back(99);
    assert!(!pool.try_grow(10), "somebody waits");
}

#[test]
fn the_pool_holds_the_largest_message_whatever_its_size() {
    let mut pool = Pool::new(0, 50);
    assert_eq!(pool.reserve(key(1), 50), None);
}

fn message(len: usize) -> Message {
    Bytes::from(vec![7; len]).into()
}

/// What goes out next, and its size.
fn next_piece(half: &mut SendHalf) -> Option<(Piece, usize)> {
    let mut payload = Bytes::new();
    let piece = half.next_piece(&mut payload)?;
    Some((piece, payload.len()))
}

/// The sizes of what goes out now.
fn pieces(half: &mut SendHalf) -> Vec<usize> {
    std::iter::from_fn(|| next_piece(half))
        .map(|(_, len)| len)
        .collect()
}

#[test]
fn a_message_of_half_the_window_waits_and_a_larger_one_does_not() {
    for (size, goes_out) in [(32_752, false), (32_753, true)] {
        let mut half = SendHalf::new(65_536);
        half.push(message(40_000));
        assert_eq!(pieces(&mut half), [40_000]);
        half.push(message(size));
        let out = pieces(&mut half);
        assert_eq!(!out.is_empty(), goes_out, "{size}: {out:?}");
    }
}

#[test]
fn whatever_the_window_no_frame_waits_that_costs_over_half_of_it() {
    for window in [1_024, 1_025, 4_096, 65_536, 131_072, 1 << 20] {
        for size in [0, 1, 495, 497, 1_000, 33_000, 65_536, 65_537, 300_000] {
            for used in [0, 1, window / 2 - 1, window / 2, window / 2 + 1] {
                let mut half = SendHalf::new(window - used);
                half.patience(window / 2);
                half.push(message(size));
                let mut left = size as u64;
                let mut credit = window - used;
                while let Some((piece, payload)) = next_piece(&mut half) {
                    let payload = payload as u64;
                    credit = credit.checked_sub(payload + 16).unwrap();
                    left -= payload;
                    if piece.completes {
                        break;
                    }
                }
                // More than half may be left only when nothing is.
                let done = half.is_empty();
                assert!(done || credit < window / 2, "{window} {size} {used}");
                assert_eq!(done, half.is_empty() && left == 0);
            }
        }
    }
}

#[test]
fn a_large_message_goes_out_in_chunks_that_make_it_up() {
    let mut half = SendHalf::new(1 << 20);
    half.push(message(200_000));
    let (first, mut sum) = next_piece(&mut half).unwrap();
    assert_eq!((first.total, sum), (NonZeroU64::new(200_000), 16_320));
    while let Some((piece, len)) = next_piece(&mut half) {
        assert_eq!(piece.total, None);
        sum += len;
        assert_eq!(piece.completes, sum == 200_000);
    }
    assert_eq!(sum, 200_000);
}

#[test]
fn credit_is_counted_up_to_2_to_the_53() {
    let mut half = SendHalf::new(1_024);
    assert!(half.add_credit(NUMBER_LIMIT - 1_025));
    assert!(!half.add_credit(1));
    let mut half = SendHalf::new(NUMBER_LIMIT - 1);
    assert!(!half.add_credit(NUMBER_LIMIT - 1));
}

fn chunk(len: usize, total: Option<u64>) -> Option<Chunk> {
    Some(Chunk {
        payload: vec![7; len].into(),
        total: total.and_then(NonZeroU64::new),
        inflated: None,
    })
}

const LIMIT: u64 = 1 << 30;

#[test]
fn memory_grows_with_what_has_come_and_not_with_what_was_declared() {
    let mut half = ReceiveHalf::new(1 << 20);
    let total = 1 << 29;
    assert_eq!(half.want(), None);
    let begun = half.receive(chunk(10, Some(total)), false, LIMIT);
    assert_eq!(begun, Ok(Effect::Begun(total)));
    half.admit(&mut Spare::default());
    assert!(half.buffered() < 100, "{}", half.buffered());
    for n in 1..=100 {
        assert_eq!(
            half.receive(chunk(50_000, None), false, LIMIT),
            Ok(Effect::Part)
        );
        half.give_credit(Instant::now());
        assert!(half.buffered() <= (2 * (10 + n * 50_000)).max(1025 << 10));
    }
    assert_eq!(half.set_last(), Freed::bytes(total));
}

#[test]
fn a_message_takes_no_more_memory_than_it_has_bytes() {
    let mut half = ReceiveHalf::new(1 << 20);
    half.receive(chunk(100, Some(301)), false, LIMIT).unwrap();
    half.receive(chunk(101, None), false, LIMIT).unwrap();
    half.receive(chunk(50, None), false, LIMIT).unwrap();
    assert_eq!(half.buffered(), 301);
}

#[test]
fn a_chunk_gives_its_room_back_once_there_is_memory_for_its_message() {
    let mut half = ReceiveHalf::new(1_024);
    half.receive(chunk(300, Some(800)), false, LIMIT).unwrap();
    half.queue(5);
    half.receive(chunk(200, None), false, LIMIT).unwrap();
    assert_eq!(half.window(), (492, 0, 1_024));
    half.admit(&mut Spare::default());
    // With what is to come: 300 bytes.
    assert_eq!(half.window(), (492, 832, 1_024));
    half.receive(chunk(300, None), false, LIMIT).unwrap();
    assert_eq!(half.window(), (176, 848, 1_024));
    assert_eq!(half.take().map(|(_, freed)| freed), Some(800));
    assert_eq!(half.window(), (176, 848, 1_024));
}

#[test]
fn the_sender_of_a_message_with_memory_has_room_for_what_is_to_come() {
    let mut half = ReceiveHalf::new(1_000);
    let total = 2 << 20;
    half.receive(chunk(100, Some(total)), false, LIMIT).unwrap();
    half.admit(&mut Spare::default());
    let now = Instant::now();
    let ahead = 256 << 10;
    assert!(half.owes());
    assert_eq!(half.give_credit(now), 116 + ahead);
    let mut left = total - 100;
    let mut credits = 0;
    while left > 0 {
        let len = left.min(500);
        half.receive(chunk(len as usize, None), false, LIMIT)
            .unwrap();
        left -= len;
        if half.owes() {
            half.give_credit(now);
            credits += 1;
        }
        half.check();
    }
    assert!(credits < 100, "{credits}");
    // Nothing is left of it but the window.
    assert_eq!((half.ahead(), half.window().2), (0, 1_000));
}

#[test]
fn a_message_that_was_complete_before_its_turn_needs_no_memory() {
    let mut half = ReceiveHalf::new(1_024);
    half.receive(chunk(300, Some(301)), false, LIMIT).unwrap();
    half.queue(5);
    let received = half.receive(chunk(1, None), false, LIMIT);
    assert_eq!(received, Ok(Effect::Unadmitted(5)));
    assert_eq!(half.window(), (691, 0, 1_024));
    assert_eq!(half.take().map(|(_, freed)| freed), Some(0));
    assert_eq!(half.window(), (691, 333, 1_024));
}

#[test]
fn what_is_half_received_leaves_the_queue_when_nobody_wants_it() {
    let mut half = ReceiveHalf::new(1_024);
    half.receive(chunk(300, Some(400)), false, LIMIT).unwrap();
    half.queue(5);
    assert_eq!(half.discard(), Freed::turn(5));
    assert_eq!(half.discard(), Freed::default());
}

#[test]
fn a_message_over_the_limit_is_no_breach_but_a_chunk_too_many_is() {
    let mut half = ReceiveHalf::new(1_024);
    assert_eq!(
        half.receive(chunk(101, None), false, 100),
        Ok(Effect::TooLarge(101))
    );
    let mut half = ReceiveHalf::new(1_024);
    half.receive(chunk(50, Some(100)), false, 100).unwrap();
    half.receive(chunk(101, None), false, 100).unwrap_err();
    let mut half = ReceiveHalf::new(1_024);
    half.receive(None, true, 100).unwrap();
    half.receive(chunk(101, None), false, 100).unwrap_err();
    let mut half = ReceiveHalf::new(100);
    half.receive(chunk(101, None), false, 100).unwrap_err();
}

#[test]
fn what_is_owed_is_given_once_it_is_half_of_the_window() {
    let mut half = ReceiveHalf::new(1_024);
    for owed in [false, true] {
        half.receive(chunk(240, None), false, LIMIT).unwrap();
        half.take();
        assert_eq!(half.owes(), owed);
    }
    assert_eq!(half.give_credit(std::time::Instant::now()), 512);
    assert_eq!(half.window(), (1_024, 0, 1_024));
}

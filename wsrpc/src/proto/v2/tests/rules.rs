//! What a core makes of what it must not be sent, of ends, and of going away.

use std::{task::Waker, time::Duration};

use bytes::Bytes;

use super::{
    half::{
        Half, cancel_frame, credit_frame, data_frame, end_frame, go_away_frame, limits, open_frame,
        outgoing, peer, whole,
    },
    schedules::assert_empty,
};
use crate::{
    call_error::{Blame, Outcome},
    metadata::Metadata,
    proto::{Answer, Event, Limits, PeerLimits, Refusal, Transmit},
    session_end::SessionEnd,
    status::{Code, Status},
    wire::v2::{self as wire, Body, Frame},
};

const NONE: (Option<&[u8]>, Option<u64>) = (None, None);

#[test]
fn a_failure_may_end_a_call_in_the_middle_of_a_message() {
    let mut half = Half::new();
    let (key, id) = half.sent(Some("x".into()), false);
    half.receive(data_frame(id, (Some(b"abc"), Some(9)), false));
    half.receive(end_frame(id, 13, false, None));
    let error = half.reply(key).unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::INTERNAL, Outcome::Ran)
    );
    assert_empty(&half.core);
    assert_eq!(half.core.pool.free(), 4 << 20);
}

#[test]
fn a_second_response_fails_the_call_and_the_memory_of_the_first_is_given_back() {
    let mut half = Half::new();
    let (key, id) = half.sent(Some("x".into()), false);
    half.receive(data_frame(id, (Some(b"abc"), Some(9)), false));
    assert_eq!(half.core.pool.free(), (4 << 20) - 9, "it is set aside");
    half.receive(data_frame(id, whole(b"defghi"), false));
    half.receive(end_frame(id, 0, false, Some(b"another")));
    let error = half.reply(key).unwrap().unwrap_err();
    assert_eq!(error.message(), "2 responses to a call that has one");
    assert_empty(&half.core);
    assert_eq!(half.core.pool.free(), 4 << 20);
}

#[test]
fn a_success_in_the_middle_of_a_message_is_a_breach() {
    let mut half = Half::new();
    let (_, id) = half.sent(None, true);
    half.receive(data_frame(id, (Some(b"abc"), Some(9)), false));
    half.receive(end_frame(id, 0, false, None));
    assert!(half.violation().contains("within a message"));
}

#[test]
fn a_refusal_after_data_is_a_breach_and_after_credit_is_not() {
    for (before, breaks) in [
        (data_frame(1, NONE, false), true),
        (credit_frame(1, 9), false),
    ] {
        let mut half = Half::new();
        let (key, id) = half.sent(None, true);
        assert_eq!(id, 1);
        half.receive(before);
        half.receive(end_frame(id, 14, true, None));
        assert_eq!(half.core.ended().is_some(), breaks);
        let next = half.core.poll_message(key, Waker::noop()).unwrap();
        let outcome = next.unwrap_err().outcome();
        assert_eq!(outcome == Outcome::Refused, !breaks);
    }
}

#[test]
fn a_response_over_the_limit_fails_its_call_in_an_end_too() {
    let small = Limits {
        max_recv_size: 100,
        ..limits()
    };
    let mut half = Half::with(small.clone(), peer());
    let (key, id) = half.sent(Some("x".into()), false);
    half.receive(end_frame(id, 0, false, Some(&[7; 101])));
    let error = half.reply(key).unwrap().unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Unknown, Blame::Local)
    );
    assert_empty(&half.core);

    let mut half = Half::with(small, peer());
    let (key, id) = half.sent(Some("x".into()), false);
    half.receive(data_frame(id, (Some(b"a"), Some(101)), false));
    assert_eq!(half.frame(), Some(Frame::Cancel(id)));
    assert!(half.reply(key).unwrap().is_err());
    half.receive(end_frame(id, 1, false, None));
    assert_empty(&half.core);
}

#[test]
fn a_call_with_one_response_is_cancelled_at_the_second() {
    let mut half = Half::new();
    let (key, id) = half.sent(Some("x".into()), false);
    half.receive(data_frame(id, whole(b"1"), false));
    assert_eq!(half.frames(), []);
    half.receive(data_frame(id, whole(b"2"), false));
    assert_eq!(half.frames(), [Frame::Cancel(id)]);
    let error = half.reply(key).unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::INTERNAL, Outcome::Ran)
    );
}

#[test]
fn late_frames_are_discarded_unless_they_are_wrong_by_themselves() {
    let ended = || {
        let mut half = Half::new();
        let (_, id) = half.sent(Some("x".into()), false);
        half.receive(end_frame(id, 0, false, None));
        half.receive(open_frame(2, NONE, true));
        let incoming = half.started();
        half.core.answer(incoming.slot, Ok(Answer::default()));
        half.frames();
        half
    };
    let fine = [
        data_frame(1, whole(b"x"), false),
        end_frame(1, 2, false, None),
        credit_frame(1, 9),
        data_frame(2, whole(b"x"), true),
        credit_frame(2, 9),
        cancel_frame(2),
    ];
    for frame in fine {
        let mut half = ended();
        half.receive(frame.clone());
        assert_eq!(half.core.ended(), None, "{frame:02x?}");
        assert_eq!(half.frames(), []);
    }
    let with_metadata = |id, len| {
        let mut frame = Vec::new();
        let mut metadata = Metadata::new();
        metadata.insert("x-a", &"v".repeat(len)).unwrap();
        let body = crate::wire::v2::Body::default();
        crate::wire::v2::encode_data_head(&mut frame, id, &metadata, &body);
        frame
    };
    let wrong = [
        // What has the wrong parity for its member.
        cancel_frame(1),
        end_frame(2, 0, false, None),
        // Half-close by a callee, metadata of a caller's data, more metadata than was promised.
        data_frame(1, NONE, true),
        with_metadata(2, 1),
        with_metadata(1, 9_000),
    ];
    for frame in wrong {
        let mut half = ended();
        half.receive(frame.clone());
        half.violation();
    }
}

#[test]
fn what_a_cancelled_call_gets_is_discarded() {
    let mut half = Half::new();
    let (key, id) = half.sent(None, true);
    half.core.release(key);
    assert_eq!(half.frames(), [Frame::Cancel(id)]);
    // A breach on a call that goes on, each of them.
    half.receive(credit_frame(id, (1 << 53) - 1));
    half.receive(data_frame(id, whole(&[7; 70_000]), false));
    half.receive(data_frame(id, (Some(b"a"), Some(9)), false));
    half.receive(end_frame(id, 0, false, Some(b"x")));
    assert_eq!(half.core.ended(), None);
    assert_empty(&half.core);
}

#[test]
fn a_stream_that_is_dropped_while_its_message_waits_for_memory_leaves_the_queue() {
    let mut half = Half::with(
        Limits {
            max_recv_size: 1_000,
            max_recv_memory: 1_000,
            ..limits()
        },
        peer(),
    );
    let (first, one) = half.sent(None, true);
    let (second, two) = half.sent(None, true);
    for reader in [first, second] {
        assert_eq!(half.core.poll_message(reader, Waker::noop()), None);
    }
    half.receive(data_frame(one, (Some(b"a"), Some(900)), false));
    half.receive(data_frame(two, (Some(b"a"), Some(900)), false));
    assert_eq!(half.core.pool.waiting(), 1);
    half.core.release(second);
    assert_eq!(half.core.pool.waiting(), 0);
    half.core.release(first);
    for id in [one, two] {
        half.receive(end_frame(id, 1, false, None));
    }
    assert_eq!(half.frames(), []);
    assert_eq!(half.core.pool.free(), 1_000);
    assert_empty(&half.core);
}

#[test]
fn a_message_that_needs_no_memory_any_more_lets_the_next_have_it() {
    let mut half = Half::with(
        Limits {
            max_recv_size: 1_000,
            max_recv_memory: 1_000,
            ..limits()
        },
        peer(),
    );
    let ids = [(); 3].map(|()| {
        let (reader, id) = half.sent(None, true);
        assert_eq!(half.core.poll_message(reader, Waker::noop()), None);
        id
    });
    half.receive(data_frame(ids[0], (Some(b"a"), Some(900)), false));
    half.receive(data_frame(ids[1], (Some(b"a"), Some(200)), false));
    half.receive(data_frame(ids[2], (Some(b"a"), Some(100)), false));
    assert_eq!(half.core.pool.waiting(), 2);
    half.receive(data_frame(ids[1], whole(&[7; 199]), false));
    assert_eq!((half.core.pool.waiting(), half.core.pool.free()), (0, 0));
}

#[test]
fn after_the_end_nothing_is_sent_whoever_goes_on() {
    let mut half = Half::new();
    let (key, id) = half.sent(None, true);
    for _ in 0..2 {
        half.receive(data_frame(id, whole(&[7; 20_000]), false));
    }
    half.receive(data_frame(id, (Some(b"a"), Some(1_000)), false));
    half.core.end(crate::session_end::SessionEnd::Closed);
    for _ in 0..2 {
        assert!(half.message(key).is_some(), "it had come before");
    }
    let error = half.core.poll_message(key, Waker::noop()).unwrap();
    assert_eq!(error.unwrap_err().outcome(), Outcome::Unknown);
    half.core.finish(key);
    assert!(!half.core.has_unsent());
    half.core.release(key);
    assert_empty(&half.core);
    assert_eq!(half.core.pool.free(), 4 << 20);
}

#[test]
fn going_away_may_be_said_again_and_never_of_more_calls() {
    let mut half = Half::new();
    let calls = [(); 3].map(|()| half.sent(Some("x".into()), false));
    half.receive(go_away_frame((1 << 53) - 1));
    assert!(calls.iter().all(|(key, _)| half.reply(*key).is_none()));
    let call = outgoing(Some("x".into()), false);
    half.core
        .open(&mut call.clone(), None, Waker::noop())
        .unwrap_err();
    half.receive(go_away_frame(3));
    let error = half.reply(calls[2].0).unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Refused)
    );
    half.receive(go_away_frame(3));
    assert!(half.reply(calls[1].0).is_none());
    assert_eq!(half.core.ended(), None);
    half.receive(go_away_frame(5));
    half.violation();
}

#[test]
fn a_call_that_was_begun_cannot_be_refused_by_going_away() {
    let mut half = Half::new();
    let (_, id) = half.sent(None, true);
    half.receive(data_frame(id, whole(b"1"), false));
    half.receive(go_away_frame(0));
    half.violation();
}

#[test]
fn a_cancel_that_waits_is_not_sent_once_the_call_has_ended() {
    let mut half = Half::new();
    let (key, id) = half.sent(None, true);
    half.core.release(key);
    half.receive(end_frame(id, 0, false, None));
    assert_eq!(half.frames(), []);
}

#[test]
fn a_queued_call_that_is_given_up_was_not_sent() {
    let mut half = Half::new();
    let key = half.call("x");
    let status = Status::resource_exhausted("too large");
    let error = crate::CallError::new(status, Outcome::Unknown, Blame::Local);
    half.core.give_up(key, error);
    let error = half.reply(key).unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(half.frames(), []);
    assert_empty(&half.core);
}

#[test]
fn a_refusal_stays_one_when_the_cancel_comes_first() {
    let mut half = Half::new();
    half.receive(open_frame(2, NONE, false));
    let incoming = half.started();
    half.receive(cancel_frame(2));
    assert_eq!(half.core.poll_event(), Some(Event::Stop(incoming.slot)));
    let refusal = Refusal::NotStarted(Status::invalid_argument("no request"));
    half.core.answer(incoming.slot, Err(refusal));
    let Some(Frame::End(end)) = half.frame() else {
        panic!("no end");
    };
    let failure = end.failure.unwrap();
    assert_eq!((failure.code, failure.refused), (1, true));
    assert_empty(&half.core);
}

#[test]
fn metadata_and_a_message_fit_into_a_frame_whatever_the_peer_takes() {
    let mut half = Half::with(
        limits(),
        PeerLimits {
            initial_window: 1 << 20,
            max_metadata_size: u32::MAX,
            ..peer()
        },
    );
    for (len, fits) in [(61_000, true), (80_000, false)] {
        let mut call = outgoing(Some(Bytes::from(vec![7; 65_536])), false);
        call.metadata.insert("x-a", &"v".repeat(len)).unwrap();
        let opened = half.core.open(&mut call.clone(), None, Waker::noop());
        assert_eq!(opened.is_ok(), fits);
        let mut out = Transmit::default();
        half.core.transmit(half.now, &mut out);
        assert!(out.into_bytes().len() <= 131_072);
    }
}

#[test]
fn who_opens_a_call_is_woken_without_asking_for_what_comes_of_it() {
    for streams_responses in [false, true] {
        let mut half = Half::new();
        let (_, id) = half.sent(Some("x".into()), streams_responses);
        let mut woken = Vec::new();
        half.core.take_wakers(&mut woken);
        assert!(woken.is_empty());
        half.receive(end_frame(id, 0, false, Some(b"y")));
        half.core.take_wakers(&mut woken);
        assert_eq!(woken.len(), 1);
    }
}

#[test]
fn a_head_that_comes_too_late_is_left_out() {
    let mut half = Half::new();
    half.receive(open_frame(2, NONE, true));
    let slot = half.started().slot;
    half.core.send(slot, Bytes::from("1").into()).unwrap();
    half.frames();
    let mut head = Metadata::new();
    head.insert("x-a", "1").unwrap();
    half.core.send_head(slot, head).unwrap();
    assert_eq!(half.frames(), []);
}

#[test]
fn what_is_left_of_a_deadline_is_rounded_down() {
    for (nanos, sent) in [(999, None), (1_000, Some(1)), (2_999, Some(2))] {
        let mut half = Half::new();
        let mut call = outgoing(Some("x".into()), false);
        call.deadline = Some(half.now + Duration::from_nanos(nanos));
        let key = half
            .core
            .open(&mut call.clone(), None, Waker::noop())
            .unwrap();
        let timeout = half.frame().map(|frame| match frame {
            Frame::Open(open) => open.timeout.unwrap().as_micros(),
            other => panic!("not an open: {other:?}"),
        });
        assert_eq!(timeout, sent);
        half.core
            .handle_timeout(half.now + Duration::from_nanos(nanos));
        let outcome = half.reply(key).unwrap().unwrap_err().outcome();
        assert_eq!(outcome == Outcome::NotSent, sent.is_none());
    }
}

#[test]
fn deadlines_of_calls_that_have_ended_are_memory_to_give_back() {
    let mut half = Half::new();
    for _ in 0..100 {
        let mut call = outgoing(Some("x".into()), false);
        call.deadline = Some(half.now + Duration::from_secs(60));
        let key = half.core.open(&mut call, None, Waker::noop()).unwrap();
        let Some(Frame::Open(open)) = half.frame() else {
            panic!("not an open");
        };
        half.receive(end_frame(open.id, 0, false, Some(b"x")));
        assert!(half.reply(key).unwrap().is_ok());
    }
    assert_empty(&half.core);
    assert!(half.core.look());
    half.core.shrink();
    assert!(!half.core.look());
}

/// A frame that a peer has made large with what counts for nothing.
fn padded(frame: &[u8]) -> Bytes {
    let (member, fields) = (&frame[..1], &frame[2..]);
    // An unknown field of the member.
    let padding = [&[0x5a, 0x80, 0xc0, 0x07][..], &[0; 0x1e000]].concat();
    let len = padding.len() + fields.len();
    let len = [len | 0x80, (len >> 7) | 0x80, len >> 14].map(|bits| bits as u8);
    [member, &len, &padding, fields].concat().into()
}

#[test]
fn what_waits_for_its_reader_keeps_nothing_of_the_frame_that_it_came_in() {
    let mut half = Half::new();
    let (_, own) = half.sent(None, true);
    let metadata = Metadata::try_from([("some", "metadata")]).unwrap();
    let mut opened = Vec::new();
    let body = Body {
        last: false,
        inflated: None,
        total: None,
        payload_len: Some(1),
    };
    wire::encode_open_head(&mut opened, 2, "a.B", "C", 0, &metadata, &body);
    opened.push(b'x');
    for (frame, is_padded) in [
        (opened.clone(), true),
        (data_frame(2, whole(b"x"), false), true),
        (data_frame(2, whole(b"x"), false), false),
        (data_frame(own, whole(b"x"), false), true),
        (data_frame(own, whole(b"x"), false), false),
        (end_frame(own, 0, false, Some(b"x")), true),
    ] {
        let frame = if is_padded {
            padded(&frame)
        } else {
            Bytes::from(frame)
        };
        half.core.receive(&frame, half.now);
        let started = half.core.poll_event();
        if let Some(Event::Start(incoming)) = &started {
            assert_eq!(incoming.metadata.get("some"), Some("metadata"));
            assert_eq!(incoming.payload(), "x");
            // Which method it is is looked up at once.
            assert_eq!(incoming.method.as_str(), "a.B/C");
        }
        let kept = match started {
            Some(Event::Start(incoming)) => Some((incoming.metadata, incoming.first)),
            _ => None,
        };
        assert!(half.core.ended().is_none());
        half.core.shelve();
        assert!(frame.is_unique(), "{:?}", frame.slice(..6));
        drop(kept);
    }
}

#[test]
fn who_reads_in_time_reads_what_came_and_not_a_copy_of_it() {
    let mut half = Half::new();
    half.receive(open_frame(2, NONE, false));
    let call = half.started().slot;
    let came = |body: &[u8]| Bytes::from(data_frame(2, whole(body), false));
    let is_slice_of = |whole: &Bytes, part: &Bytes| whole.as_ptr_range().contains(&part.as_ptr());
    let read = |half: &mut Half| half.message(call).unwrap();

    let first = came(b"one");
    half.core.receive(&first, half.now);
    assert!(half.core.has_fresh());
    assert!(is_slice_of(&first, &read(&mut half)));
    let second = came(b"two");
    half.core.receive(&second, half.now);
    half.core.shelve();
    assert!(!half.core.has_fresh() && second.is_unique());
    let third = came(b"three");
    half.core.receive(&third, half.now);
    assert_eq!(read(&mut half), "two");
    assert!(is_slice_of(&third, &read(&mut half)));
}

#[test]
fn what_is_left_unread_keeps_nothing_whatever_came_after_it() {
    let mut half = Half::new();
    half.receive(open_frame(2, NONE, false));
    let call = half.started().slot;
    let first = Bytes::from(data_frame(2, whole(b"x"), false));
    half.core.receive(&first, half.now);
    half.receive(data_frame(2, (Some(b"in "), Some(9)), false));
    half.receive(data_frame(2, whole(b"chunks"), false));
    half.core.shelve();
    assert!(first.is_unique());
    assert_eq!(half.message(call).unwrap(), "x");
    assert_eq!(half.message(call).unwrap(), "in chunks");

    let (own, id) = half.sent(Some("y".into()), true);
    let end = Bytes::from(end_frame(id, 0, false, Some(b"last")));
    half.core.receive(&end, half.now);
    half.core.shelve();
    assert!(end.is_unique());
    assert_eq!(half.message(own).unwrap(), "last");

    let (own, id) = half.sent(Some("z".into()), true);
    let before = Bytes::from(data_frame(id, whole(b"before the end"), false));
    half.core.receive(&before, half.now);
    half.core.end(SessionEnd::Closed);
    assert!(before.is_unique());
    assert_eq!(half.message(own).unwrap(), "before the end");
}

#[test]
fn frames_of_one_message_are_handled_up_to_the_one_that_ends_the_session() {
    let mut half = Half::new();
    let good = open_frame(2, whole(b"x"), true);
    half.receive([good.clone(), open_frame(4, whole(b"y"), true)].concat());
    assert_eq!(half.started().payload(), "x");
    assert_eq!(half.started().payload(), "y");
    let (key, id) = half.sent(Some("z".into()), false);
    let answer = end_frame(id, 0, false, Some(b"a"));
    let broken = open_frame(2, whole(b"x"), true);
    half.receive([answer, broken, cancel_frame(1)].concat());
    assert!(half.violation().contains("2"), "{}", half.violation());
    assert_eq!(half.reply(key).unwrap().unwrap().message.payload, "a");
}

#[test]
fn a_message_of_several_frames_is_handled_in_whole_or_if_it_is_too_large_not_at_all() {
    let mut half = Half::new();
    let flood = |times| {
        [
            open_frame(2, whole(b"x"), true),
            cancel_frame(2).repeat(times),
        ]
        .concat()
    };
    let fits = flood(4_000);
    assert!(fits.len() <= 16_384);
    assert_eq!(half.core.receive(&fits.into(), half.now), 4_001);
    assert_eq!(half.started().payload(), "x");
    half.frames();
    half.receive([open_frame(4, NONE, true), cancel_frame(2).repeat(4_100)].concat());
    assert!(half.violation().contains("several frames"));
    assert_eq!(half.core.poll_event(), None);
}

#[test]
fn going_away_again_tells_nobody_what_is_known() {
    let mut half = Half::new();
    half.receive(go_away_frame(99));
    assert!(matches!(
        half.core.poll_event(),
        Some(Event::GoingAway { .. })
    ));
    half.receive(go_away_frame(99));
    half.receive(go_away_frame(98));
    assert_eq!(half.core.poll_event(), None);
    assert!(half.core.ended().is_none());
}

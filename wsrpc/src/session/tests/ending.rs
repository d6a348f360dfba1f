//! How sessions end, and what becomes of the calls on them.

use std::{
    future::IntoFuture,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    sync::{Semaphore, mpsc},
    time::Instant,
};

use super::super::{Hooks, Session};
use crate::{
    Blame, Code, Outcome,
    ProtocolVersion::{self, V1, V2},
    Response, SessionConfig, SessionEnd,
    service::test_support::{
        BOTH, Echo, End, Raw, Text, against_raw, echo, pair_on, settle, spawn_echo, start,
        start_on, start_with,
    },
    testing::Services,
    transport::Role,
};

/// Both sides of a session, over a pipe.
fn both(version: ProtocolVersion, client: Echo, server: Echo) -> (End, End) {
    let (one, other) = tokio::io::duplex(4096);
    let config = SessionConfig::default;
    (
        start_on(version, one, Role::Client, client, config()),
        start_on(version, other, Role::Server, server, config()),
    )
}

#[tokio::test(start_paused = true)]
async fn pending_calls_fail_at_once_when_either_side_ends_the_session() {
    for version in BOTH {
        let (client, server) = pair_on(
            version,
            Services::new().add(Echo::silent()),
            Services::new().add(Echo::silent()),
        );
        let began = Instant::now();
        let up = spawn_echo(&client.channel(), "up");
        let down = spawn_echo(&server.channel(), "down");
        settle().await;
        drop(client);
        let up = up.await.unwrap().unwrap_err();
        let down = down.await.unwrap().unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        for error in [&up, &down] {
            assert_eq!(error.code(), Code::UNAVAILABLE);
            assert_eq!(error.outcome(), Outcome::Unknown);
        }
        assert_eq!(up.blame(), Blame::Local);
        assert_eq!(down.blame(), Blame::Remote);
        let after = echo(&server.channel(), "after").await.unwrap_err();
        assert_eq!(after.code(), Code::UNAVAILABLE);
        assert_eq!(after.outcome(), Outcome::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_yet_taken_by_the_writer_was_not_sent() {
    for version in BOTH {
        let (client, _server) = both(version, Echo::plain(), Echo::plain());
        let mut call = Box::pin(echo(&client.channel(), "x").into_future());
        let polled = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::future::Future::poll(call.as_mut(), cx).is_pending())
        });
        assert!(polled.await);
        client.session.end(SessionEnd::Closed);
        assert_eq!(call.await.unwrap_err().outcome(), Outcome::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_confirmed_and_tells_why() {
    for version in BOTH {
        let (client, server) = both(version, Echo::plain(), Echo::plain());
        client.session.end(SessionEnd::Replaced);
        client.session.end(SessionEnd::Closed);
        let finished = client.driver.await.unwrap();
        assert_eq!(finished.end, SessionEnd::Replaced);
        assert!(finished.acknowledged);
        let finished = server.driver.await.unwrap();
        let expected = SessionEnd::PeerClosed {
            code: 4000,
            reason: "replaced by a newer session of the same key".into(),
        };
        assert_eq!(finished.end, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_close_at_once() {
    for version in BOTH {
        let (client, server) = both(version, Echo::plain(), Echo::plain());
        let began = Instant::now();
        client.session.end(SessionEnd::Closed);
        server.session.end(SessionEnd::Shutdown);
        assert_eq!(client.driver.await.unwrap().end, SessionEnd::Closed);
        assert_eq!(server.driver.await.unwrap().end, SessionEnd::Shutdown);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_by_itself_has_not_confirmed_our_close() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    settle().await;
    client.session.end(SessionEnd::Replaced);
    // Our close frame is on its way, and the peer's own crosses it.
    settle().await;
    raw.close(1001).await;
    raw.closed_with().await;
    drop(raw);
    assert!(!client.driver.await.unwrap().acknowledged);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_confirm_is_waited_for_a_second() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let began = Instant::now();
    let finished = client.close().await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(!finished.acknowledged);
    assert_eq!(raw.closed_with().await, (1001, "closed".into()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_is_lost() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let call = spawn_echo(&client.channel(), "x");
    raw.request().await;
    drop(raw);
    let lost = SessionEnd::Lost("the peer hung up".into());
    assert_eq!(client.driver.await.unwrap().end, lost);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Transport);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_the_end_still_counts() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let call = spawn_echo(&client.channel(), "x");
    let request = raw.request().await;
    raw.answer(&request, "just in time");
    raw.close(1000).await;
    drop(raw);
    assert_eq!(call.await.unwrap().unwrap().body, "just in time");
}

/// Ends with the reason and the close code that it says.
async fn assert_ends(client: End, mut raw: Raw, code: u16) -> SessionEnd {
    let end = client.session.closed().await;
    assert_eq!(raw.closed_with().await.0, code);
    end
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_ends_the_session() {
    let begin = || against_raw(4096, Echo::silent(), SessionConfig::default());

    let (client, mut raw) = begin();
    raw.call("twice", "a");
    raw.call("twice", "b");
    raw.flush().await;
    let end = assert_ends(client, raw, 1002).await;
    assert_eq!(
        end.to_string(),
        "the peer broke the protocol: the call id \"twice\" is in use"
    );

    for id in [String::new(), "x".repeat(65)] {
        let (client, mut raw) = begin();
        raw.call(&id, "a");
        raw.flush().await;
        let end = assert_ends(client, raw, 1002).await;
        assert!(matches!(end, SessionEnd::Protocol(_)), "{end}");
    }

    let (client, mut raw) = begin();
    raw.message(&[0xff; 20]);
    raw.flush().await;
    let end = assert_ends(client, raw, 1002).await;
    assert!(matches!(end, SessionEnd::Protocol(_)), "{end}");

    let (io, mut raw) = tokio::io::duplex(4096);
    raw.write_all(&[0x81, 1, b'x']).await.unwrap();
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    let end = assert_ends(client, Raw::new(raw, Role::Server), 1003).await;
    assert_eq!(end, SessionEnd::TextFrame);
}

#[tokio::test(start_paused = true)]
async fn handlers_are_dropped_with_their_session() {
    for version in BOTH {
        let (echoes, mut watched) = Echo::watched();
        let (client, server) = both(version, Echo::plain(), echoes);
        let calls = ["a", "b", "c"].map(|body| spawn_echo(&client.channel(), body));
        for _ in &calls {
            watched.starts.recv().await.unwrap();
        }
        let began = Instant::now();
        server.session.end(SessionEnd::Revoked);
        for _ in &calls {
            watched.drops.recv().await.unwrap();
        }
        assert!(server.session.finished(Duration::from_secs(1)).await);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_handler_that_ends_its_own_session_is_dropped() {
    for (version, waits_first) in BOTH.into_iter().flat_map(|v| [(v, false), (v, true)]) {
        let session = Arc::new(OnceLock::<Session>::new());
        let (done, mut is_done) = mpsc::unbounded_channel();
        let own = session.clone();
        let ending = Echo::new(move |_| {
            let (own, done) = (own.clone(), done.clone());
            async move {
                if waits_first {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                let own = own.get().unwrap();
                own.end(SessionEnd::Revoked);
                // It is not waited for: it would wait for itself.
                let began = Instant::now();
                assert!(own.finished(Duration::from_secs(1)).await);
                assert_eq!(began.elapsed(), Duration::ZERO);
                // It is let be, for as long as it takes.
                tokio::time::sleep(Duration::from_secs(30)).await;
                done.send(()).unwrap();
                Ok(Response::new(Text::new("too late")))
            }
        });
        let (client, server) = both(version, Echo::plain(), ending);
        session.set(server.session.clone()).unwrap();
        let error = echo(&client.channel(), "x").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        is_done.recv().await.unwrap();
        assert!(server.session.finished(Duration::from_secs(1)).await);
        assert_eq!(server.driver.await.unwrap().end, SessionEnd::Revoked);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_once_a_handler_has_ended_the_session() {
    let session = Arc::new(OnceLock::<Session>::new());
    let (started, mut starts) = mpsc::unbounded_channel();
    let own = session.clone();
    let ending = Echo::new(move |request| {
        started.send(request.body.clone()).unwrap();
        own.get().unwrap().end(SessionEnd::Revoked);
        async { Ok(Response::default()) }
    });
    let (client, mut raw) = against_raw(4096, ending, SessionConfig::default());
    session.set(client.session.clone()).unwrap();
    for id in ["first", "second", "third"] {
        raw.call(id, id);
    }
    raw.flush().await;
    client.driver.await.unwrap();
    assert_eq!(starts.recv().await.unwrap(), "first");
    assert!(starts.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_came_right_before_a_close_starts_no_more() {
    let (echoes, mut watched) = Echo::watched();
    let (client, mut raw) = against_raw(4096, echoes, SessionConfig::default());
    raw.call("id", "x");
    raw.close(1000).await;
    client.driver.await.unwrap();
    assert!(watched.starts.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_drains_answers_what_runs_and_refuses_what_is_new() {
    for version in BOTH {
        assert_drains(version).await;
    }
}

async fn assert_drains(version: ProtocolVersion) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let gated = Echo::new(move |request| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Response::new(request.into_inner()))
        }
    });
    let (client, server) = both(version, Echo::plain(), gated);
    let running = spawn_echo(&client.channel(), "running");
    settle().await;
    server.session.drain(Duration::ZERO);
    let error = echo(&client.channel(), "new").await.unwrap_err();
    match version {
        V1 => {
            assert_eq!(error.message(), "unavailable: shutting down");
            assert_eq!(error.outcome(), Outcome::Ran);
        }
        V2 => {
            assert_eq!(error.message(), "the peer is shutting down");
            assert_ne!(error.outcome(), Outcome::Ran);
        }
    }
    assert_eq!(server.session.ended(), None);
    gate.add_permits(1);
    assert_eq!(running.await.unwrap().unwrap().body, "running");
    let finished = server.driver.await.unwrap();
    assert_eq!(finished.end, SessionEnd::Shutdown);
    assert!(finished.acknowledged);
    assert!(matches!(
        client.session.closed().await,
        SessionEnd::PeerClosed { code: 1001, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_drains_at_once() {
    for version in BOTH {
        let (client, server) = both(version, Echo::plain(), Echo::plain());
        settle().await;
        let began = Instant::now();
        server.session.drain(Duration::ZERO);
        server.driver.await.unwrap();
        client.driver.await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_drains_once_its_own_last_call_was_given_up() {
    for version in BOTH {
        let (_client, server) = both(version, Echo::silent(), Echo::plain());
        let call = spawn_echo(&server.channel(), "x");
        settle().await;
        server.session.drain(Duration::ZERO);
        settle().await;
        assert_eq!(server.session.ended(), None);
        let began = Instant::now();
        call.abort();
        assert_eq!(server.session.closed().await, SessionEnd::Shutdown);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_takes_its_session_with_it() {
    for version in BOTH {
        let (echoes, mut watched) = Echo::watched();
        let (client, server) = both(version, Echo::silent(), echoes);
        let up = spawn_echo(&client.channel(), "up");
        watched.starts.recv().await.unwrap();
        let down = spawn_echo(&server.channel(), "down");
        settle().await;
        server.driver.abort();
        watched.drops.recv().await.unwrap();
        assert_eq!(down.await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
        assert_eq!(up.await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
        assert!(server.session.finished(Duration::ZERO).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_defect_in_the_driver_ends_its_session_and_says_so() {
    for version in BOTH {
        assert_defect_is_told(version).await;
    }
}

async fn assert_defect_is_told(version: ProtocolVersion) {
    let (one, other) = tokio::io::duplex(4096);
    let broken = Hooks {
        proven: Some(Box::new(|_| panic!("a defect"))),
        ..Hooks::default()
    };
    let config = SessionConfig::default();
    let client = start_on(version, one, Role::Client, Echo::plain(), config.clone());
    let server = start_with(
        version,
        other,
        Role::Server,
        Echo::plain(),
        [config.clone(), config],
        broken,
    );
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    let internal = SessionEnd::Internal("a defect".into());
    assert_eq!(server.driver.await.unwrap().end, internal);
    let told = client.driver.await.unwrap().end;
    assert!(
        matches!(told, SessionEnd::PeerClosed { code: 1011, .. }),
        "{told}"
    );
}

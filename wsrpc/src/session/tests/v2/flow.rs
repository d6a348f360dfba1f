//! Who reads slowly holds up its writer, and nobody else.

use std::{
    future::{Future, IntoFuture, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::serving;
use crate::{
    Call, Code, MethodDescriptor, Outcome, Response, SessionConfig,
    service::test_support::{
        Echo, Text, echo, settle, spawn_echo,
        streams::{Many, Scripted, Steps, chat, list, one, put, rest, steps, texts},
    },
    testing::{Services, pair},
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Yields messages of 1,000 bytes, and counts them as it does.
fn counted(
    count: Arc<AtomicUsize>,
    total: usize,
) -> Steps<impl FnMut(&mut Context<'_>) -> Poll<Option<Text>> + Send + 'static> {
    steps(move |_| {
        if count.load(Ordering::SeqCst) == total {
            return Poll::Ready(None);
        }
        count.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Text::new("x".repeat(1000))))
    })
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_holds_up_its_handler_and_no_other() {
    let yielded = Arc::new(AtomicUsize::new(0));
    let count = yielded.clone();
    let service = Scripted::plain().list(move |request| {
        let count = match &*request.body {
            "unread" => count.clone(),
            _ => Arc::default(),
        };
        async move {
            let mut stream = counted(count, 10_000);
            let stream: Many = Box::pin(steps(move |cx| (stream.0)(cx).map(|next| next.map(Ok))));
            Ok(Response::new(stream))
        }
    });
    let (client, _server) = serving(service.serve());
    let channel = client.channel();
    let mut unread = list(&channel, "unread").await.unwrap().into_inner();
    settle().await;
    let before = yielded.load(Ordering::SeqCst);
    // A window of 144 KiB, and 128 KiB that wait for room in it.
    assert!((200..=300).contains(&before), "{before}");
    let mut read = list(&channel, "read").await.unwrap().into_inner();
    assert_eq!(rest(&mut read).await.unwrap().len(), 10_000);
    assert_eq!(one(&channel, "x").await.unwrap().body, "x");
    assert_eq!(yielded.load(Ordering::SeqCst), before);
    assert_eq!(rest(&mut unread).await.unwrap().len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_keeps_nothing_of_what_it_came_in_once_its_session_sleeps() {
    for total in (1..400).step_by(7) {
        let service = Scripted::plain().list(move |_| async move {
            let mut left = total;
            let stream: Many = Box::pin(steps(move |_| {
                left -= 1;
                Poll::Ready((left >= 0).then(|| Ok(Text::new("x"))))
            }));
            Ok(Response::new(stream))
        });
        // So that it sleeps as soon as it may.
        let config = SessionConfig::default().busy_poll(Duration::ZERO);
        let (client, _server) = pair(
            Services::new().session(config),
            Services::new().add(service.serve()),
        );
        let mut unread = list(&client.channel(), "").await.unwrap().into_inner();
        settle().await;
        assert!(!client.session().has_fresh(), "of {total} messages");
        let read = rest(&mut unread).await.unwrap();
        assert_eq!(read.len(), usize::try_from(total).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_read_holds_up_its_caller_and_no_other() {
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let service = Scripted::plain().put(move |request| {
        let gate = open.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            let all = rest(&mut request.into_inner()).await?;
            Ok(Response::new(Text::new(all.len().to_string())))
        }
    });
    let (client, _server) = serving(service.serve());
    let channel = client.channel();
    let yielded = Arc::new(AtomicUsize::new(0));
    let held_up = tokio::spawn(put(&channel, counted(yielded.clone(), 10_000)).into_future());
    settle().await;
    let before = yielded.load(Ordering::SeqCst);
    assert!((200..=300).contains(&before), "{before}");
    assert_eq!(
        one(&channel, "x".repeat(MIB)).await.unwrap().body.len(),
        MIB
    );
    gate.add_permits(2);
    assert_eq!(
        put(&channel, counted(Arc::default(), 5000))
            .await
            .unwrap()
            .body,
        "5000"
    );
    assert_eq!(held_up.await.unwrap().unwrap().body, "10000");
}

#[tokio::test(start_paused = true)]
async fn small_calls_find_their_gap_beside_large_messages() {
    let (client, _server) = serving(Echo::plain());
    let channel = client.channel();
    let large = spawn_echo(&channel, "x".repeat(9 * MIB));
    tokio::task::yield_now().await;
    assert_eq!(client.session().calls_in_flight(), 1);
    let mut answered = 0;
    while !large.is_finished() && answered < 10 {
        assert_eq!(echo(&channel, "small").await.unwrap().body, "small");
        answered += 1;
    }
    assert_eq!(answered, 10, "the small calls waited for the large one");
    assert_eq!(large.await.unwrap().unwrap().body.len(), 9 * MIB);
}

#[tokio::test(start_paused = true)]
async fn large_messages_of_streams_pass_whole_and_in_order() {
    let (client, _server) = serving(Scripted::plain().serve());
    let sizes = [
        0,
        1,
        64 * KIB - 10,
        64 * KIB,
        64 * KIB + 1,
        3 * MIB,
        5,
        300 * KIB,
    ];
    let bodies = sizes.map(|size| "x".repeat(size));
    let call = chat(&client.channel(), texts(bodies));
    let mut stream = call.await.unwrap().into_inner();
    let lengths: Vec<_> = rest(&mut stream)
        .await
        .unwrap()
        .iter()
        .map(String::len)
        .collect();
    assert_eq!(lengths, sizes);
}

/// What holds memory gives it to the next as it is taken, and the peer learns so at once.
#[tokio::test(start_paused = true)]
async fn a_large_response_that_waits_for_memory_comes_once_another_is_taken() {
    let size = 8 * MIB + KIB;
    // Memory for one of the largest messages and 16 MiB: two of these fit, and the third does not.
    let config = SessionConfig::default().max_recv_message_size(size + 10);
    let service = Echo::new(move |_| async move { Ok(Response::new(Text::new("x".repeat(size)))) });
    let (client, _server) = pair(
        Services::new().session(config),
        Services::new().add(service),
    );
    let mut calls = [(); 3].map(|()| Box::pin(echo(&client.channel(), "").into_future()));
    for call in &mut calls {
        let pending = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
    }
    // Two have come whole, and the third has used up its window.
    for _ in 0..100 {
        settle().await;
    }
    let began = Instant::now();
    for call in calls {
        let answer = tokio::time::timeout(Duration::from_secs(60), call).await;
        assert_eq!(answer.unwrap().unwrap().body.len(), size);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_callee_that_streams_where_one_response_is_expected_fails_the_call() {
    static LIST: MethodDescriptor = MethodDescriptor::unary("test.Streams", "List");
    let (client, _server) = serving(Scripted::plain().serve());
    for count in ["0", "2", "1000000"] {
        let call = Call::<Text>::unary(&client.channel(), &LIST, &Text::new(count));
        let call = call.timeout(Duration::from_secs(5));
        let error = call.await.unwrap_err();
        assert_eq!(error.code(), Code::INTERNAL, "{error}");
        assert_eq!(error.outcome(), Outcome::Ran);
    }
    settle().await;
    assert_eq!(client.session().calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_streams_where_one_request_is_expected_is_told() {
    static ONE: MethodDescriptor = MethodDescriptor::client_streaming("test.Streams", "One");
    let (client, _server) = serving(Scripted::plain().serve());
    for count in [0, 2, 100_000] {
        let requests = texts(std::iter::repeat_n("x", count));
        let error = Call::<Text>::client_streaming(&client.channel(), &ONE, requests)
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::INVALID_ARGUMENT, "{error}");
        assert_eq!(error.outcome(), Outcome::Refused);
    }
    let call = Call::<Text>::client_streaming(&client.channel(), &ONE, texts(["x"]));
    assert_eq!(call.await.unwrap().body, "x");
}

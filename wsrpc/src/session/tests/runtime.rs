//! Sessions on a runtime that goes away.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use crate::{
    service::test_support::{Echo, spawn_echo},
    testing::{Services, pair},
};

/// More than this never takes.
const LIMIT: Duration = Duration::from_secs(10);

/// Tells when it is dropped.
struct Tells(Sender<()>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

fn receiver_for_handlers<T>(receiver: Receiver<T>) -> Arc<Mutex<Receiver<T>>> {
    Arc::new(Mutex::new(receiver))
}

/// A handler that is polled in place becomes a task just as the runtime shuts down, which drops the task at once.
#[test]
fn a_runtime_that_shuts_down_while_a_handler_is_spawned_does_shut_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (entered, has_entered) = channel();
    let (closed, is_closed) = channel();
    let (gone, is_gone) = channel();
    let is_closed = receiver_for_handlers(is_closed);
    let echoes = Echo::new(move |_| {
        let (entered, is_closed) = (entered.clone(), is_closed.clone());
        let gone = Tells(gone.clone());
        async move {
            let _gone = gone;
            entered.send(()).unwrap();
            // Until the runtime has begun to drop its tasks.
            is_closed.lock().unwrap().recv_timeout(LIMIT).unwrap();
            std::future::pending().await
        }
    });
    runtime.spawn(async move {
        let _tells = Tells(closed);
        std::future::pending::<()>().await;
    });
    let _sides = runtime.block_on(async {
        let (client, server) = pair(Services::new(), Services::new().add(echoes));
        spawn_echo(&client.channel(), "x");
        (client, server)
    });
    has_entered.recv_timeout(LIMIT).unwrap();
    let (shut, has_shut) = channel();
    std::thread::spawn(move || {
        drop(runtime);
        shut.send(()).unwrap();
    });
    is_gone.recv_timeout(LIMIT).unwrap();
    has_shut.recv_timeout(LIMIT).unwrap();
}

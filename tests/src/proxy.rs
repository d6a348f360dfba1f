//! A network that can be made slow, be cut, or swallow everything: a TCP proxy on loopback.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Forwards connections to one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: Arc<Link>,
    _tasks: JoinSet<()>,
}

/// The link that all connections share.
#[derive(Debug)]
struct Link {
    /// Bytes a second that go to the server, and to the client; 0 is no limit.
    rates: [AtomicU64; 2],
    /// Changes when all connections are cut.
    generation: watch::Sender<u64>,
    /// While set, nothing goes through and nothing is closed.
    frozen: watch::Sender<bool>,
    accepted: AtomicUsize,
    carried: AtomicU64,
}

/// A slow link has small buffers: a sender must feel it.
const BUFFER: u32 = 32 * 1024;

const TO_SERVER: usize = 0;
const TO_CLIENT: usize = 1;

impl Proxy {
    /// A proxy to `target`, without any limit.
    pub async fn new(target: &str) -> Self {
        let target: SocketAddr = target.parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        // Inherited by what is accepted.
        socket.set_recv_buffer_size(BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let link = Arc::new(Link {
            rates: [AtomicU64::new(0), AtomicU64::new(0)],
            generation: watch::Sender::new(0),
            frozen: watch::Sender::new(false),
            accepted: AtomicUsize::new(0),
            carried: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target, link.clone()));
        Self {
            address,
            link,
            _tasks: tasks,
        }
    }

    /// Where to dial.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Limits each connection to this many bytes a second to the server, and to the client. 0 is no limit.
    pub fn limit(&self, to_server: u64, to_client: u64) {
        self.link.rates[TO_SERVER].store(to_server, Ordering::Relaxed);
        self.link.rates[TO_CLIENT].store(to_client, Ordering::Relaxed);
    }

    /// Cuts all connections that stand; new ones are let through.
    pub fn cut(&self) {
        self.link
            .generation
            .send_modify(|generation| *generation += 1);
    }

    /// Swallows everything, or lets it through again, without closing anything: a network that is gone.
    pub fn freeze(&self, frozen: bool) {
        self.link.frozen.send_replace(frozen);
    }

    /// How many connections were accepted so far.
    pub fn accepted(&self) -> usize {
        self.link.accepted.load(Ordering::Relaxed)
    }

    /// How many bytes went through so far, in both directions.
    pub fn carried(&self) -> u64 {
        self.link.carried.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, link: Arc<Link>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        link.accepted.fetch_add(1, Ordering::Relaxed);
        let mut cut = link.generation.subscribe();
        cut.borrow_and_update();
        let link = link.clone();
        connections.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(BUFFER).unwrap();
            let Ok(server) = socket.connect(target).await else {
                return;
            };
            tokio::select! {
                () = forward(client, server, &link) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(client: TcpStream, server: TcpStream, link: &Link) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // One side's end is the other side's end, once all is through.
    let _ = tokio::join!(
        one_way(from_client, to_server, link, TO_SERVER),
        one_way(from_server, to_client, link, TO_CLIENT)
    );
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    link: &Link,
    direction: usize,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut frozen = link.frozen.subscribe();
    let mut free = Instant::now();
    loop {
        let n = from.read(&mut buffer).await?;
        frozen.wait_for(|frozen| !frozen).await.ok();
        if n == 0 {
            return to.shutdown().await;
        }
        let rate = link.rates[direction].load(Ordering::Relaxed);
        if rate > 0 {
            // The link is busy for as long as these bytes take.
            free = free.max(Instant::now()) + Duration::from_secs_f64(n as f64 / rate as f64);
            sleep_until(free).await;
        }
        link.carried.fetch_add(n as u64, Ordering::Relaxed);
        to.write_all(&buffer[..n]).await?;
    }
}

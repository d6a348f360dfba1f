//! A link of so many bytes a second and so long a way, that all connections through it share.
//!
//! It stands in for a traffic shaper of the system, which needs privileges and modules that few machines have. Each
//! direction is one queue, first in first out, that holds 128 KiB: a sender that finds it full waits, as one
//! whose packets were dropped would.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Bytes that wait for their turn on the link, in each direction.
const QUEUE: usize = 128 * 1024;

/// What the system buffers for the link is small, or the link would not be felt.
const BUFFER: u32 = 32 * 1024;

/// Bytes that take a turn.
const PACKET: usize = 1448;

/// How fast a link is, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes a second, in each direction.
    pub rate: f64,
    /// From one end to the other.
    pub delay: Duration,
}

/// A listener on loopback whose connections go through the link.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

struct Packet {
    bytes: Bytes,
    to: mpsc::UnboundedSender<(Instant, Bytes)>,
    _room: OwnedSemaphorePermit,
}

/// The way into one direction of the link.
#[derive(Clone)]
struct Entrance {
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<Packet>,
}

impl Link {
    /// A link to `target`.
    pub async fn new(target: SocketAddr, shape: Shape) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Inherited by what is accepted.
        socket.set_recv_buffer_size(BUFFER).unwrap();
        socket.set_send_buffer_size(BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let [there, back] = [(); 2].map(|()| {
            let (queue, packets) = mpsc::unbounded_channel();
            tasks.spawn(carry(packets, shape));
            let room = Arc::new(Semaphore::new(QUEUE));
            Entrance { room, queue }
        });
        tasks.spawn(accept(listener, target, there, back));
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, there: Entrance, back: Entrance) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER).unwrap();
        socket.set_send_buffer_size(BUFFER).unwrap();
        let Ok(far) = socket.connect(target).await else {
            continue;
        };
        let ((near_in, near_out), (far_in, far_out)) = (halves(near), halves(far));
        connections.spawn(one_way(near_in, far_out, there.clone()));
        connections.spawn(one_way(far_in, near_out, back.clone()));
    }
}

fn halves(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    stream.set_nodelay(true).unwrap();
    stream.into_split()
}

/// Puts what is read into the link, and writes what comes out of it.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, entrance: Entrance) {
    let (arrivals, mut arrived) = mpsc::unbounded_channel::<(Instant, Bytes)>();
    let deliver = async move {
        while let Some((due, bytes)) = arrived.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let enter = async move {
        loop {
            let room = entrance.room.clone().acquire_many_owned(PACKET as u32);
            let Ok(room) = room.await else { return };
            let mut packet = BytesMut::with_capacity(PACKET);
            let mut limited = (&mut from).take(PACKET as u64);
            match limited.read_buf(&mut packet).await {
                Ok(n) if n > 0 => {}
                _ => return,
            }
            let packet = Packet {
                bytes: packet.freeze(),
                to: arrivals.clone(),
                _room: room,
            };
            if entrance.queue.send(packet).is_err() {
                return;
            }
        }
    };
    tokio::join!(deliver, enter);
}

/// One direction: each packet takes its time to get in, and the way takes its own.
async fn carry(mut packets: mpsc::UnboundedReceiver<Packet>, shape: Shape) {
    let mut free = Instant::now();
    while let Some(packet) = packets.recv().await {
        let took = Duration::from_secs_f64(packet.bytes.len() as f64 / shape.rate);
        free = free.max(Instant::now()) + took;
        // The clock ticks in milliseconds: sleeping for each packet would make the link slower than it is.
        if free.duration_since(Instant::now()) > Duration::from_millis(2) {
            sleep_until(free).await;
        }
        packet.to.send((free + shape.delay, packet.bytes)).ok();
    }
}

//! What the conductor asks of the processes it starts, and what they answer: a line of JSON each, on their standard
//! input and output. `bench/go` speaks the same.

use serde::{Deserialize, Serialize};

/// What kind of method is called.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One message there, the same one back.
    Unary,
    /// Messages that the callee sends, as fast as it may.
    ServerStream,
    /// Messages that the caller sends as fast as it may, each of which comes back.
    Bidirectional,
}

/// What a caller is to do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Load {
    /// What kind of method is called.
    pub kind: Kind,
    /// Bytes of each message's body.
    pub size: usize,
    /// Calls or streams that are open at any time, over all connections together.
    pub in_flight: usize,
    /// Connections that they are spread over.
    pub connections: usize,
    /// How long to go on before anything is counted.
    pub warm_up_ms: u64,
    /// How long to count.
    pub measured_ms: u64,
}

/// What a process is asked, one at a time.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Carry a load. Answered by [`Report::Began`] when counting begins, and [`Report::Ran`].
    Run(Load),
    /// Carry two loads at once, for as long as the first one says. Answered by [`Report::Began`], and by a
    /// [`Report::Ran`] for each.
    RunBoth(Load, Load),
    /// Be busy once on each connection. Answered by [`Report::Rests`].
    Burst(Burst),
}

/// What a caller is to do on each connection, once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Burst {
    /// Bytes of each message's body.
    pub size: usize,
    /// Calls of a connection, all at once.
    pub calls: usize,
    /// Connections that are busy at the same time.
    pub connections: usize,
}

/// What a process says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// A server can be connected to. The key is the server's, as 64 hex digits, where the contestant has one.
    Listening {
        /// Host and port.
        address: String,
        /// The public key.
        key: Option<String>,
    },
    /// A client has all its connections.
    Connected,
    /// The warm-up is over.
    Began,
    /// What was counted since.
    Ran(Counted),
    /// Each connection was busy once, and all are idle again.
    Rests,
}

/// What a caller counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Counted {
    /// Calls that were answered, or messages of streams that arrived at the caller.
    pub count: u64,
    /// How long it took.
    pub seconds: f64,
    /// Of a call, in microseconds; of nothing for streams.
    pub latency: Option<Latency>,
}

/// How long calls took, in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the calls were faster.
    pub p50: f64,
    /// 1 % were slower.
    pub p99: f64,
    /// 1 in 1,000 was slower.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

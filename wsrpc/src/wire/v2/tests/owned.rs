//! The wire schema as prost derives it from a `.proto` file: what ours is held against.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(oneof = "Exchange", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) exchange: Option<Exchange>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Exchange {
    #[prost(message, tag = "2")]
    Request(()),
    #[prost(message, tag = "3")]
    Response(()),
    #[prost(message, tag = "4")]
    Hello(Hello),
    #[prost(message, tag = "5")]
    Open(Open),
    #[prost(message, tag = "6")]
    Data(Data),
    #[prost(message, tag = "7")]
    End(End),
    #[prost(message, tag = "8")]
    Cancel(Cancel),
    #[prost(message, tag = "9")]
    Credit(Credit),
    #[prost(message, tag = "10")]
    GoAway(GoAway),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hello {
    #[prost(uint64, tag = "1")]
    pub(super) initial_window: u64,
    #[prost(uint64, tag = "2")]
    pub(super) max_message_size: u64,
    #[prost(uint32, tag = "3")]
    pub(super) max_calls: u32,
    #[prost(uint32, tag = "4")]
    pub(super) max_metadata_size: u32,
    #[prost(string, repeated, tag = "5")]
    pub(super) features: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    pub(super) compression: Vec<String>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) instance_id: Vec<u8>,
    #[prost(string, tag = "8")]
    pub(super) agent: String,
    #[prost(message, repeated, tag = "9")]
    pub(super) labels: Vec<Label>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Open {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(string, tag = "2")]
    pub(super) method: String,
    #[prost(uint64, tag = "3")]
    pub(super) timeout_us: u64,
    #[prost(message, repeated, tag = "4")]
    pub(super) metadata: Vec<Metadata>,
    #[prost(bool, tag = "12")]
    pub(super) last: bool,
    #[prost(uint64, tag = "13")]
    pub(super) inflated: u64,
    #[prost(uint64, tag = "14")]
    pub(super) total: u64,
    #[prost(bytes = "vec", optional, tag = "15")]
    pub(super) payload: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Data {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(message, repeated, tag = "4")]
    pub(super) metadata: Vec<Metadata>,
    #[prost(bool, tag = "12")]
    pub(super) last: bool,
    #[prost(uint64, tag = "13")]
    pub(super) inflated: u64,
    #[prost(uint64, tag = "14")]
    pub(super) total: u64,
    #[prost(bytes = "vec", optional, tag = "15")]
    pub(super) payload: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct End {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(uint32, tag = "2")]
    pub(super) code: u32,
    #[prost(string, tag = "3")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) metadata: Vec<Metadata>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) details: Vec<u8>,
    #[prost(bool, tag = "6")]
    pub(super) refused: bool,
    #[prost(uint64, tag = "13")]
    pub(super) inflated: u64,
    #[prost(bytes = "vec", optional, tag = "15")]
    pub(super) payload: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Cancel {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Credit {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoAway {
    #[prost(uint64, tag = "1")]
    pub(super) last_id: u64,
    #[prost(string, tag = "2")]
    pub(super) reason: String,
    #[prost(uint32, tag = "3")]
    pub(super) spread_ms: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metadata {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

impl From<Exchange> for Message {
    fn from(exchange: Exchange) -> Self {
        Self {
            exchange: Some(exchange),
        }
    }
}

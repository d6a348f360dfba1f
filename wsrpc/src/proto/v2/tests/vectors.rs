//! The sessions of `docs/vectors`, run against the core in either role.
//!
//! What the other side writes is fed to it. What its own side writes it is made to write by what its user does; it may
//! cut messages and give credit otherwise than the script.

use std::{
    collections::{HashMap, HashSet},
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;

use super::half::limits;
use crate::{
    call_error::{Blame, CallError, Outcome},
    metadata::Metadata,
    proto::{
        Answer, Event, Key, Limits, Message, MethodName, Outgoing, PeerLimits, Refusal, Transmit,
        v2::{Core, Parity, exchange::Role, ids::Found},
    },
    session_end::SessionEnd,
    status::{Code, Status},
    wire::v2::{self as wire, Frame, Hello},
};

const SESSIONS: &str = include_str!("../../../../../docs/vectors/sessions.json");

/// What a core cannot be made to do, because it is done elsewhere or never.
const NOT_OURS: &[(&str, &str)] = &[
    // A session has no core before it.
    ("a call before Hello", "callee"),
    ("a call before Hello", "caller"),
    // We say which call was the last one that was read, and refuse what is on its way.
    ("go-away in two steps", "callee"),
    ("go-away that rises", "callee"),
];

#[test]
fn sessions_go_as_the_vectors_say() {
    let sessions: Vec<Value> = serde_json::from_str(SESSIONS).unwrap();
    let mut run = 0;
    for session in &sessions {
        let name = session["name"].as_str().unwrap();
        for side in ["caller", "callee"] {
            if NOT_OURS.contains(&(name, side)) {
                continue;
            }
            let result = std::panic::catch_unwind(|| Actor::new(session, side).run(session));
            assert!(result.is_ok(), "the {side} of {name:?}");
            run += 1;
        }
    }
    assert_eq!(run, 2 * sessions.len() - NOT_OURS.len());
}

struct Actor {
    side: &'static str,
    core: Core,
    now: Instant,
    keys: HashMap<u64, Key>,
    /// Messages that the application has taken, by call.
    taken: HashMap<u64, Vec<Bytes>>,
    messages: HashMap<u64, Vec<Bytes>>,
    metadata: HashMap<u64, Metadata>,
    /// Calls in which the script cuts messages as our sender would not.
    cut: HashSet<u64>,
    /// Calls in which the peer cuts messages, for which our receiver gives credit ahead.
    chunked: HashSet<u64>,
    written: Vec<Frame>,
}

fn bytes(value: &Value) -> Option<Bytes> {
    let text = value.as_str()?;
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    Some((0..text.len()).step_by(2).map(byte).collect())
}

fn hello(session: &Value, side: &str) -> Hello {
    let steps = session["steps"].as_array().unwrap();
    let is_it = |step: &&Value| step["from"] == side && step["meaning"]["kind"] == "hello";
    let step = steps.iter().find(is_it).unwrap();
    match wire::decode(bytes(&step["hex"]).unwrap()) {
        Ok(Frame::Hello(hello)) => *hello,
        other => panic!("not a hello: {other:?}"),
    }
}

/// What the frames of a step say.
fn meanings(step: &Value) -> &[Value] {
    match &step["meaning"] {
        Value::Array(meanings) => meanings,
        meaning => std::slice::from_ref(meaning),
    }
}

fn pairs(value: &Value) -> Metadata {
    let mut metadata = Metadata::new();
    for pair in value.as_array().into_iter().flatten() {
        let value = bytes(&pair[1]).unwrap();
        let value = std::str::from_utf8(&value).unwrap();
        metadata.append(pair[0].as_str().unwrap(), value).unwrap();
    }
    metadata
}

impl Actor {
    fn new(session: &Value, side: &'static str) -> Self {
        let ours = hello(session, side);
        let theirs = hello(session, if side == "caller" { "callee" } else { "caller" });
        let own = Limits {
            max_running: ours.max_calls as usize,
            max_recv_size: ours.max_message_size as usize,
            initial_window: ours.initial_window,
            ..limits()
        };
        let parity = match session["dialler"] == side {
            true => Parity::Odd,
            false => Parity::Even,
        };
        let now = Instant::now();
        let mut core = Core::new(own.into(), parity, PeerLimits::from(&theirs), now);
        core.max_metadata = ours.max_metadata_size as usize;
        core.inflates = ours.compression.iter().any(|name| name.as_str() == "zstd");
        Self {
            side,
            core,
            now,
            keys: HashMap::new(),
            taken: HashMap::new(),
            messages: HashMap::new(),
            metadata: HashMap::new(),
            cut: HashSet::new(),
            chunked: HashSet::new(),
            written: Vec::new(),
        }
    }

    fn run(mut self, session: &Value) {
        let mut held = HashMap::new();
        let mut said_hello = false;
        for step in session["steps"].as_array().unwrap() {
            let is_hello = step["meaning"]["kind"] == "hello" && step["forced"] != true;
            if let Some(label) = step["deliver"].as_str() {
                if let Some(frame) = held.remove(label) {
                    self.read(frame);
                }
            } else if let Some(expected) = step.get("expect") {
                // Before that, there is no core.
                if said_hello {
                    self.check(&expected[self.side]);
                }
            } else if let Some(code) = step["close"].as_u64() {
                let code = code as u16;
                self.core.end(SessionEnd::PeerClosed {
                    code,
                    reason: String::new(),
                });
            } else if is_hello {
                said_hello = step["from"] == "caller";
            } else if step["from"] == self.side {
                for meaning in meanings(step) {
                    self.act(meaning, step["forced"] == true);
                }
            } else {
                let frame = bytes(&step["hex"]).unwrap();
                let chunked = meanings(step)
                    .iter()
                    .filter(|meaning| meaning["total"].is_number());
                self.chunked
                    .extend(chunked.filter_map(|meaning| meaning["id"].as_u64()));
                match step["held"].as_str() {
                    Some(label) => drop(held.insert(label.to_owned(), frame)),
                    None => self.read(frame),
                }
            }
        }
    }

    fn read(&mut self, frame: Bytes) {
        self.core.receive(&frame, self.now);
        while let Some(event) = self.core.poll_event() {
            if let Event::Start(incoming) = event {
                let id = self.core.get(incoming.slot).unwrap().id;
                self.keys.insert(id, incoming.slot);
                self.metadata.insert(id, incoming.metadata);
                let first = incoming.first.map(|message| message.payload);
                self.taken.insert(id, first.into_iter().collect());
            }
        }
        self.look();
        self.write();
    }

    /// Sees what has arrived, before it is gone.
    fn look(&mut self) {
        for (id, key) in &self.keys {
            if let Some(exchange) = self.core.get(*key) {
                let mut messages = self.taken.get(id).cloned().unwrap_or_default();
                messages.extend(exchange.receive.payloads());
                self.messages.insert(*id, messages);
            }
        }
    }

    fn write(&mut self) {
        let mut out = Transmit::default();
        while self.core.transmit(self.now, &mut out) {
            let frame = wire::decode(std::mem::take(&mut out).into_bytes()).unwrap();
            self.written.push(frame);
        }
    }

    /// Does what makes it write a frame.
    fn act(&mut self, meaning: &Value, forced: bool) {
        let kind = meaning["kind"].as_str().unwrap();
        if forced && kind != "open" {
            return;
        }
        let id = meaning["id"].as_u64().unwrap_or_default();
        let payload = bytes(&meaning["payload"]);
        let last = meaning["last"] == true;
        let key = self.keys.get(&id).copied();
        if meaning["total"].is_number() || meaning["inflated"].is_number() {
            self.cut.insert(id);
        }
        let cut = self.cut.contains(&id);
        match kind {
            "open" if !self.core.ids.is_own(id) => return,
            "open" => {
                if !self.open(id, meaning, payload.filter(|_| !cut), last) {
                    assert!(forced);
                    return;
                }
            }
            "data" => {
                let key = key.unwrap();
                let metadata = pairs(&meaning["metadata"]);
                if !metadata.is_empty() {
                    self.core.send_head(key, metadata).unwrap();
                }
                if let Some(payload) = payload.filter(|_| !cut) {
                    self.core.send(key, payload.into()).unwrap();
                }
                if last {
                    self.core.finish(key);
                }
            }
            // One that was refused before it had a key was answered by the core.
            "end" => {
                if let Some(key) = key {
                    self.end(key, meaning, payload);
                }
            }
            "cancel" => {
                let gave_up = Status::cancelled("given up");
                let error = CallError::new(gave_up, Outcome::Unknown, Blame::Local);
                self.core.give_up(key.unwrap(), error);
            }
            "credit" => {
                let mut owed = 0;
                while owed < meaning["bytes"].as_u64().unwrap() {
                    let next = self.core.poll_message(key.unwrap(), Waker::noop());
                    let Some(Ok(Some(message))) = next else {
                        break;
                    };
                    owed += message.payload.len() as u64 + wire::Chunk::OVERHEAD;
                    self.taken.entry(id).or_default().push(message.payload);
                }
            }
            "go_away" => self.core.drain(Duration::from_millis(
                meaning["spread_ms"].as_u64().unwrap_or_default(),
            )),
            "unknown" => {}
            other => panic!("{other}"),
        }
        self.look();
        self.write();
        let says_nothing = kind == "data" && bytes(&meaning["payload"]).is_none() && !last;
        let says_nothing = says_nothing && meaning["metadata"].is_null();
        if !forced && !cut && !says_nothing && !matches!(kind, "credit" | "unknown") {
            let is_it = |frame: &Frame| self.is_meant(frame, meaning);
            assert!(
                self.written.iter().any(is_it),
                "{meaning} is not among {:?}",
                self.written
            );
        }
    }

    fn open(&mut self, id: u64, meaning: &Value, payload: Option<Bytes>, last: bool) -> bool {
        let (service, name) = meaning["method"].as_str().unwrap().split_once('/').unwrap();
        let method = Box::leak(Box::new(MethodName {
            service: String::from(service).leak(),
            name: String::from(name).leak(),
        }));
        let timeout = meaning["timeout_us"].as_u64();
        let first = payload.clone().filter(|_| last).map(Message::from);
        let outgoing = Outgoing {
            method,
            metadata: pairs(&meaning["metadata"]),
            deadline: timeout.map(|timeout| self.now + Duration::from_micros(timeout)),
            streams_responses: true,
            first: first.clone(),
        };
        let Ok(key) = self.core.open(&mut outgoing.clone(), None, Waker::noop()) else {
            return false;
        };
        self.keys.insert(id, key);
        if first.is_none() {
            if let Some(payload) = payload {
                self.core.send(key, payload.into()).unwrap();
            }
            if last {
                self.core.finish(key);
            }
        }
        self.core.ids.skip_own(id);
        true
    }

    fn end(&mut self, key: Key, meaning: &Value, payload: Option<Bytes>) {
        let code = meaning["code"].as_u64().unwrap_or_default() as u32;
        let metadata = pairs(&meaning["metadata"]);
        let answered = if code == 0 {
            Ok(Answer {
                message: payload.map(Message::from),
                metadata,
            })
        } else {
            let text = meaning["message"].as_str().unwrap_or_default();
            let status = Status::new(Code::from(code), text)
                .with_details(bytes(&meaning["details"]).unwrap_or_default())
                .with_metadata(metadata);
            Err(match meaning["refused"] == true {
                true => Refusal::NotStarted(status),
                false => Refusal::ByHandler(status),
            })
        };
        self.core.answer(key, answered);
    }

    /// Whether a frame says what the script says, as far as it can.
    fn is_meant(&self, frame: &Frame, meaning: &Value) -> bool {
        let number = |name: &str| meaning[name].as_u64().unwrap_or_default();
        let kind = meaning["kind"].as_str().unwrap();
        let payload = bytes(&meaning["payload"]);
        let its = |chunk: &Option<wire::Chunk>| chunk.as_ref().map(|c| c.payload.clone());
        let last = meaning["last"] == true;
        match (kind, frame) {
            ("open", Frame::Open(open)) => {
                open.id == number("id")
                    && open.method.as_str() == meaning["method"].as_str().unwrap()
                    && open.timeout.map_or(0, |timeout| timeout.as_micros() as u64)
                        == number("timeout_us")
                    && open.metadata == pairs(&meaning["metadata"])
                    && open.last == last
                    && its(&open.chunk) == payload
            }
            ("data", Frame::Data(data)) => {
                data.id == number("id")
                    && data.metadata == pairs(&meaning["metadata"])
                    && data.last == last
                    && its(&data.chunk) == payload
            }
            // A call that was cancelled ends so, whatever the handler makes of it.
            ("end", Frame::End(end)) => {
                let (code, refused, details) = match &end.failure {
                    Some(failure) => (failure.code, failure.refused, failure.details.clone()),
                    None => (0, false, Bytes::new()),
                };
                // A call that was cancelled ends so, whatever the handler makes of it.
                let said = code == 1
                    || u64::from(code) == number("code")
                        && refused == (meaning["refused"] == true)
                        && end.metadata == pairs(&meaning["metadata"])
                        && details == bytes(&meaning["details"]).unwrap_or_default()
                        && its(&end.chunk) == payload;
                end.id == number("id") && said
            }
            ("cancel", Frame::Cancel(id)) => *id == number("id"),
            ("go_away", Frame::GoAway(go_away)) => {
                go_away.last_id == number("last_id")
                    && go_away.spread.as_millis() as u64 == number("spread_ms")
            }
            _ => false,
        }
    }

    fn check(&mut self, expected: &Value) {
        match expected["session"].as_str() {
            Some("ready") => assert_eq!(self.core.ended(), None),
            Some("closed") => {
                let code = expected["close_code"].as_u64().unwrap();
                let end = self.core.ended().expect("it goes on");
                let its = match end {
                    SessionEnd::PeerClosed { code, .. } => Some(*code),
                    end => end.close_code(),
                };
                assert_eq!(its.map(u64::from), Some(code), "{end}");
            }
            _ => {}
        }
        for (id, expected) in expected["calls"].as_object().into_iter().flatten() {
            self.check_call(id.parse().unwrap(), expected);
        }
    }

    fn check_call(&mut self, id: u64, expected: &Value) {
        let key = self.keys.get(&id).copied();
        let exchange = key.and_then(|key| self.core.get(key));
        if let Some(state) = expected["state"].as_str() {
            let live = matches!(self.core.ids.find(id), Found::Live(_));
            let is = match exchange {
                None if key.is_none() => "none",
                Some(exchange) if live && exchange.is_cancelled() => "cancelled",
                Some(exchange) if live => {
                    let closed = match &exchange.role {
                        Role::Caller(_) => exchange.send.is_done(),
                        Role::Callee(_) => exchange.receive.is_last(),
                    };
                    if closed { "half_closed" } else { "open" }
                }
                _ => "ended",
            };
            // What was refused ends before it is a call here.
            if (is, state) != ("none", "ended") {
                assert_eq!(is, state, "call {id}");
            }
        }
        if let Some(messages) = expected["messages"].as_array() {
            let messages: Vec<_> = messages.iter().filter_map(bytes).collect();
            let its = self.messages.get(&id).cloned().unwrap_or_default();
            assert_eq!(its, messages, "call {id}");
        }
        if let Some(left) = expected["may_read"].as_u64() {
            let (its, owed, _) = exchange.unwrap().receive.window();
            // It may have given less than the script by now, and no more than it owes, or have given it ahead.
            let least = if self.chunked.contains(&id) { 0 } else { its };
            let may_be = least..=its + owed;
            assert!(may_be.contains(&left), "call {id}: {left}, {may_be:?}");
        }
        if let Some(left) = expected["may_send"].as_u64() {
            if !self.cut.contains(&id) {
                assert_eq!(exchange.unwrap().send.credit(), left, "call {id}");
            }
        }
        let caller = match exchange.map(|exchange| &exchange.role) {
            Some(Role::Caller(caller)) => Some(caller),
            _ => None,
        };
        if let Some(outcome) = expected.get("outcome") {
            let its = match &caller.unwrap().end {
                None => Value::Null,
                Some(Ok(_)) => "ran".into(),
                Some(Err(error)) => format!("{:?}", error.outcome()).to_lowercase().into(),
            };
            assert_eq!(&its, outcome, "call {id}");
        }
        if let Some(code) = expected["code"].as_u64() {
            let its = match caller.unwrap().end.as_ref().unwrap() {
                Ok(_) => Code::OK,
                Err(error) => error.code(),
            };
            assert_eq!(u64::from(u32::from(its)), code, "call {id}");
        }
        if expected.get("metadata").is_some() {
            let its = match caller {
                None => self.metadata[&id].clone(),
                Some(caller) => {
                    let mut metadata = caller.head.clone();
                    match &caller.end {
                        Some(Ok(trailing)) => metadata.merge(trailing.clone()),
                        Some(Err(error)) => metadata.merge(error.status().metadata().clone()),
                        None => {}
                    }
                    metadata
                }
            };
            assert_eq!(its, pairs(&expected["metadata"]), "call {id}");
        }
    }
}

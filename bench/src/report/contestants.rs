//! Who takes part: in which order they are shown, what they look like in a plot, and what they do.

use plotters::style::RGBColor;

use super::canvas::Marker;

/// How a contestant is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contestant<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its colour in every plot.
    pub(super) colour: RGBColor,
    /// Its marker in every plot that has lines.
    pub(super) marker: Marker,
    /// What it does; of nothing if it is not known here.
    pub(super) about: Option<&'static str>,
}

const fn known(
    name: &'static str,
    colour: u32,
    marker: Marker,
    about: &'static str,
) -> Contestant<'static> {
    let [_, red, green, blue] = colour.to_be_bytes();
    Contestant {
        name,
        colour: RGBColor(red, green, blue),
        marker,
        about: Some(about),
    }
}

const KNOWN: [Contestant<'static>; 13] = [
    known(
        "raw-tcp",
        0xA8B4C0,
        Marker::Dash,
        "With many connections only: limit A without TLS, which is little more than the kernel and the runtime.",
    ),
    known(
        "raw-tls",
        0x1A1A1A,
        Marker::Square,
        "Limit A. Messages behind their length straight on TLS, batched on both sides: what is ready is answered with \
         one write. No WebSocket, no protobuf, no method.",
    ),
    known(
        "bare-tls",
        0x5C5C5C,
        Marker::OpenDown,
        "In the scenes only: a server that completes the handshake, and echoes what comes.",
    ),
    known(
        "websocket",
        0x7F7F7F,
        Marker::Diamond,
        "Limit B. tokio-tungstenite frames on TLS, buffers of 16 KiB and 64 KiB, one flush for all that is ready. No \
         protobuf, no method.",
    ),
    known(
        "wsrpc-v2",
        0x1559C9,
        Marker::Circle,
        "This library, version 2: stub, protobuf, frame, dispatch, handler. The client calls the server. \
         Settings are the default ones, but for the limits of calls and of sizes: a session looks on for 100 µs before it \
         sleeps, where its last sleeps were short, also with version 1. The limits sleep at once.",
    ),
    known(
        "wsrpc-v2-calls-client",
        0x4FB3F2,
        Marker::Ring,
        "The same, and the server calls the client.",
    ),
    known(
        "wsrpc-v1",
        0x00703C,
        Marker::Triangle,
        "This library, version 1, which is what Go peers speak. The client calls the server.",
    ),
    known(
        "wsrpc-v1-calls-client",
        0x43BF7C,
        Marker::OpenTriangle,
        "The same, and the server calls the client.",
    ),
    known(
        "tonic",
        0xD3202A,
        Marker::Cross,
        "gRPC over HTTP/2, with prost, one channel a connection.",
    ),
    known(
        "tarpc",
        0xE88A00,
        Marker::Down,
        "Its own frames on TLS, with bincode instead of protobuf.",
    ),
    known(
        "jsonrpsee",
        0x7B3FA8,
        Marker::Plus,
        "JSON-RPC over a WebSocket on TLS. JSON has no bytes, so bodies are base64: a third larger.",
    ),
    known(
        "go-wsrpc",
        0xDB3FA5,
        Marker::OpenSquare,
        "The Go library that wsrpc speaks with, Go on both sides.",
    ),
    known(
        "go-grpc",
        0x8A5A3B,
        Marker::OpenDiamond,
        "grpc-go, on both sides.",
    ),
];

/// All that are named, each once: those known here in their order, then the others.
pub(super) fn in_order<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Contestant<'a>> {
    let mut others: Vec<&str> = Vec::new();
    let mut seen = [false; KNOWN.len()];
    for name in names {
        match KNOWN.iter().position(|known| known.name == name) {
            Some(index) => seen[index] = true,
            None if others.contains(&name) => {}
            None => others.push(name),
        }
    }
    let known = KNOWN
        .iter()
        .zip(seen)
        .filter(|(_, seen)| *seen)
        .map(|(known, _)| *known);
    let others = others.into_iter().map(|name| Contestant {
        name,
        colour: RGBColor(0xA8, 0xA0, 0x00),
        marker: Marker::Dash,
        about: None,
    });
    known.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_shown_once_and_in_order() {
        let names = ["tonic", "other", "raw-tls", "tonic", "other"];
        let shown: Vec<&str> = in_order(names)
            .iter()
            .map(|contestant| contestant.name)
            .collect();
        assert_eq!(shown, ["raw-tls", "tonic", "other"]);
    }

    #[test]
    fn each_has_a_colour_and_a_marker_of_its_own() {
        for (index, one) in KNOWN.iter().enumerate() {
            for other in &KNOWN[..index] {
                assert_ne!(one.colour, other.colour, "{} and {}", one.name, other.name);
                assert_ne!(one.marker, other.marker, "{} and {}", one.name, other.name);
            }
        }
    }
}

//! The published test keys of the Go library's example.

use wsrpc::{PublicKey, SecretKey};

/// A holder of one of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The server.
    Server,
    /// A client that is allowed.
    Alice,
    /// Another one.
    Bob,
    /// A client that is not.
    Charlie,
}

impl Who {
    fn seed(self) -> &'static str {
        match self {
            Self::Server => "c1afd224cec2ff6066746bf9b7cdf7f9f4694ab7ef2ca1692ff923a30df20348",
            Self::Alice => "5ae73174dfe4ae293e25ba6845e76d9819e5f5432ff8820d5c996be292abf14f",
            Self::Bob => "1b6093915ce64fa5ca15147808da47ccb64f50a16841edde12fd797c3e52d816",
            Self::Charlie => "84206ddc52ad6f83569ed409829f194db1d3bbb65e7c04db5ca098d1f020ee47",
        }
    }

    /// The secret key.
    pub fn secret(self) -> SecretKey {
        self.seed().parse().unwrap()
    }

    /// The public key.
    pub fn public(self) -> PublicKey {
        self.secret().public_key()
    }

    /// The secret key as Go writes it.
    pub fn go_secret(self) -> String {
        format!("{}{}", self.seed(), self.public())
    }
}

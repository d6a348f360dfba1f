//! Who is who. The keys are those of the Go library's example, so that its programs and these mix.

use std::fmt;

use wsrpc::{KeyError, PublicKey, SecretKey};

/// Where the Go library's example listens.
pub(crate) const ADDR: &str = "127.0.0.1:1338";
/// Where its health check is.
pub(crate) const HEALTH_ADDR: &str = "127.0.0.1:1337";

/// Somebody with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Server,
    Alice,
    Bob,
    /// Not on the server's allow list.
    Charlie,
}

impl Who {
    /// Those who may connect to the server.
    pub(crate) const ALLOWED: [Self; 2] = [Self::Alice, Self::Bob];

    /// The client of this name, or number as in Go's example.
    pub(crate) fn client(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "alice" | "0" => Some(Self::Alice),
            "bob" | "1" => Some(Self::Bob),
            "charlie" | "2" => Some(Self::Charlie),
            _ => None,
        }
    }

    /// Published keys, for an example only. Real ones are in files: `SecretKey::generate().write_file(path)` makes
    /// one, `SecretKey::read_file(path)` reads it.
    pub(crate) fn secret_key(self) -> Result<SecretKey, KeyError> {
        match self {
            Self::Server => "c1afd224cec2ff6066746bf9b7cdf7f9f4694ab7ef2ca1692ff923a30df20348",
            Self::Alice => "5ae73174dfe4ae293e25ba6845e76d9819e5f5432ff8820d5c996be292abf14f",
            Self::Bob => "1b6093915ce64fa5ca15147808da47ccb64f50a16841edde12fd797c3e52d816",
            Self::Charlie => "84206ddc52ad6f83569ed409829f194db1d3bbb65e7c04db5ca098d1f020ee47",
        }
        .parse()
    }

    /// What the others know.
    pub(crate) fn public_key(self) -> Result<PublicKey, KeyError> {
        match self {
            Self::Server => "3b0f149627adb7b6fafe1497a9dfc357f22295a5440786c3bc566dfdb0176808",
            Self::Alice => "0f17c3bf72de8beef6e2d17a14c0a972f5d7e0e66e70722373f12b88382d40f9",
            Self::Bob => "9a36f1819c60970b0cb16585cacf35ed824b48bc8ac24980bf615bc8d7b9661c",
            Self::Charlie => "235750320bb723760add5969b3c51342e829542d399f82b07a0458092c3960af",
        }
        .parse()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server",
            Self::Alice => "Alice",
            Self::Bob => "Bob",
            Self::Charlie => "Charlie",
        })
    }
}

/// The name of a key's holder, or the beginning of the key.
pub(crate) fn name(key: &PublicKey) -> String {
    let known = [Who::Server, Who::Alice, Who::Bob, Who::Charlie];
    let holder = known
        .into_iter()
        .find(|who| who.public_key().as_ref() == Ok(key));
    holder.map_or_else(|| key.short().to_string(), |who| who.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_belong_together_and_have_names() -> Result<(), KeyError> {
        for who in [Who::Server, Who::Alice, Who::Bob, Who::Charlie] {
            assert_eq!(who.secret_key()?.public_key(), who.public_key()?);
            assert_eq!(name(&who.public_key()?), who.to_string());
        }
        let stranger = SecretKey::generate().public_key();
        assert_eq!(name(&stranger), stranger.short().to_string());
        Ok(())
    }

    #[test]
    fn clients_have_names_and_numbers() {
        let named = |names: [&str; 3]| names.map(Who::client);
        let clients = [Who::Alice, Who::Bob, Who::Charlie].map(Some);
        assert_eq!(named(["alice", "Bob", "CHARLIE"]), clients);
        assert_eq!(named(["0", "1", "2"]), clients);
        assert_eq!(named(["server", "3", ""]), [None; 3]);
    }
}

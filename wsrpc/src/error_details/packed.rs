//! Details as they travel: packed into a `google.rpc.Status`.

use prost::{Message, Name};
use prost_types::Any;

use crate::status::Status;

/// `google.rpc.Status`. Source: <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>.
#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// Typed details.
impl Status {
    /// Adds a message to the details: one of [`error_details`](crate::error_details), or any other that has a name.
    ///
    /// Details that are not an encoded `google.rpc.Status`, set by [`with_details`](Self::with_details), are replaced.
    pub fn with_detail<T: Name>(self, detail: &T) -> Self {
        let mut details = self.unpacked();
        details.push(Any {
            type_url: type_url::<T>(),
            value: detail.encode_to_vec(),
        });
        let packed = Packed {
            // As gRPC's libraries write it: a number above 2^31 keeps its bits.
            code: u32::from(self.code()) as i32,
            message: self.message().to_owned(),
            details,
        };
        self.with_details(packed.encode_to_vec())
    }

    /// The first of the details that has this type. None too if it, or all of the details, cannot be decoded.
    pub fn detail<T: Name + Default>(&self) -> Option<T> {
        self.details_iter().find_map(|any| any.to_msg().ok())
    }

    /// All details, in order, each still packed: [`Any::to_msg`] unpacks one whose type is known. None if they cannot
    /// be decoded.
    pub fn details_iter(&self) -> impl ExactSizeIterator<Item = Any> {
        self.unpacked().into_iter()
    }

    fn unpacked(&self) -> Vec<Any> {
        Packed::decode(self.details().clone())
            .map(|packed| packed.details)
            .unwrap_or_default()
    }
}

/// prost's own default names no domain, which some libraries refuse.
fn type_url<T: Name>() -> String {
    let url = T::type_url();
    if url.starts_with('/') {
        format!("type.googleapis.com{url}")
    } else {
        url
    }
}

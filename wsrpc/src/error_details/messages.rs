//! The standard messages, as their schema has them.

use std::{collections::HashMap, time};

use prost::Name;
use prost_types::Duration;

/// The cause of the error, for programs to tell apart.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ErrorInfo {
    /// The cause, in upper snake case, the same each time and unique within the domain: `STOCK_OUT`.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Whose reasons these are, usually the service: `jobs.example.com`.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// More about it, by camel-case keys.
    #[prost(map = "string, string", tag = "3")]
    pub metadata: HashMap<String, String>,
}

/// When the call may be made again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RetryInfo {
    /// Wait at least this long.
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Duration>,
}

impl RetryInfo {
    /// Not before `delay` has passed. One that the wire cannot carry becomes the longest that it can.
    pub fn after(delay: time::Duration) -> Self {
        Self {
            retry_delay: Some(delay.try_into().unwrap_or(Duration {
                seconds: i64::MAX,
                nanos: 0,
            })),
        }
    }

    /// How long to wait; none where the peer said nothing, or what is no time to wait.
    pub fn delay(&self) -> Option<time::Duration> {
        // By hand, for prost-types' own conversion overflows on the least of seconds.
        let delay = self.retry_delay?;
        let seconds = delay.seconds.try_into().ok()?;
        let nanos = delay.nanos.try_into().ok()?;
        (nanos < 1_000_000_000).then(|| time::Duration::new(seconds, nanos))
    }
}

/// What helps the callee's developers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DebugInfo {
    /// Where it happened, a stack frame each.
    #[prost(string, repeated, tag = "1")]
    pub stack_entries: Vec<String>,
    /// More in words.
    #[prost(string, tag = "2")]
    pub detail: String,
}

/// Which quotas are used up.
#[derive(Clone, PartialEq, prost::Message)]
pub struct QuotaFailure {
    /// Each of them.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<QuotaViolation>,
}

/// One quota that is used up: `google.rpc.QuotaFailure.Violation`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct QuotaViolation {
    /// Whose quota: `project:7`.
    #[prost(string, tag = "1")]
    pub subject: String,
    /// What was too much, in words.
    #[prost(string, tag = "2")]
    pub description: String,
    /// The service that has the quota, where it is another than the one that was called.
    #[prost(string, tag = "3")]
    pub api_service: String,
    /// What the quota counts: `jobs.example.com/calls`.
    #[prost(string, tag = "4")]
    pub quota_metric: String,
    /// Which limit on it: `CallsPerDay`.
    #[prost(string, tag = "5")]
    pub quota_id: String,
    /// Where the limit holds: `region` is `north`.
    #[prost(map = "string, string", tag = "6")]
    pub quota_dimensions: HashMap<String, String>,
    /// The limit.
    #[prost(int64, tag = "7")]
    pub quota_value: i64,
    /// The limit that is to come, if it is about to change.
    #[prost(int64, optional, tag = "8")]
    pub future_quota_value: Option<i64>,
}

/// What does not hold that must.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PreconditionFailure {
    /// Each condition.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<PreconditionViolation>,
}

/// One condition that does not hold: `google.rpc.PreconditionFailure.Violation`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PreconditionViolation {
    /// The kind of condition, a word of the service's: `TERMS`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// What it does not hold for.
    #[prost(string, tag = "2")]
    pub subject: String,
    /// In words, what fails and what helps.
    #[prost(string, tag = "3")]
    pub description: String,
}

/// What is wrong with the request, whatever the state of the system.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BadRequest {
    /// Each field that is wrong.
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

/// One field that is wrong: `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FieldViolation {
    /// The path to the field: `job.steps[1].name`.
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong with it, in words.
    #[prost(string, tag = "2")]
    pub description: String,
    /// What is wrong with it, as in [`ErrorInfo::reason`].
    #[prost(string, tag = "3")]
    pub reason: String,
    /// What is wrong with it, in the user's language.
    #[prost(message, optional, tag = "4")]
    pub localized_message: Option<LocalizedMessage>,
}

/// What a user can put into a report of the error.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RequestInfo {
    /// Finds the request again, in the callee's logs.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// What the callee used to serve it.
    #[prost(string, tag = "2")]
    pub serving_data: String,
}

/// What was to be accessed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceInfo {
    /// The kind of resource: `job`.
    #[prost(string, tag = "1")]
    pub resource_type: String,
    /// Which one.
    #[prost(string, tag = "2")]
    pub resource_name: String,
    /// Whose it is, if that may be told.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// What went wrong with it, in words.
    #[prost(string, tag = "4")]
    pub description: String,
}

/// Where to read on.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Help {
    /// Each place.
    #[prost(message, repeated, tag = "1")]
    pub links: Vec<Link>,
}

/// One place to read on: `google.rpc.Help.Link`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Link {
    /// What is found there.
    #[prost(string, tag = "1")]
    pub description: String,
    /// Where it is.
    #[prost(string, tag = "2")]
    pub url: String,
}

/// A text that may be shown to the user as it is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LocalizedMessage {
    /// Its language, as in BCP 47: `de-CH`.
    #[prost(string, tag = "1")]
    pub locale: String,
    /// The text.
    #[prost(string, tag = "2")]
    pub message: String,
}

macro_rules! names {
    ($($message:ident = $name:literal),+ $(,)?) => {$(
        impl Name for $message {
            const NAME: &'static str = $name;
            const PACKAGE: &'static str = "google.rpc";

            fn type_url() -> String {
                concat!("type.googleapis.com/google.rpc.", $name).to_owned()
            }
        }
    )+};
}

names! {
    ErrorInfo = "ErrorInfo",
    RetryInfo = "RetryInfo",
    DebugInfo = "DebugInfo",
    QuotaFailure = "QuotaFailure",
    PreconditionFailure = "PreconditionFailure",
    BadRequest = "BadRequest",
    RequestInfo = "RequestInfo",
    ResourceInfo = "ResourceInfo",
    Help = "Help",
    LocalizedMessage = "LocalizedMessage",
}

//! The settings as text: the options of the plugin of `protoc`. One table has them all.

use std::fmt::Write;

use crate::{Builder, Error};

/// An option: its name, what it takes, what it does.
struct Opt {
    name: &'static str,
    value: Value,
    help: &'static str,
}

/// What comes behind the name, and where it goes.
enum Value {
    None(fn(Builder) -> Builder),
    /// One value, shown like this.
    One(&'static str, fn(Builder, &str) -> Builder),
    /// A path of protobuf and what belongs to it, shown like this.
    Two(&'static str, fn(Builder, &str, &str) -> Builder),
}

use Value::{None as Flag, One, Two};

const OPTIONS: &[Opt] = &[
    opt(
        "no_client",
        Flag(|b| b.build_client(false)),
        "without clients",
    ),
    opt(
        "no_server",
        Flag(|b| b.build_server(false)),
        "without servers",
    ),
    opt(
        "services_only",
        Flag(|b| b.build_messages(false)),
        "without messages, into ping.wsrpc.rs, for use beside those of another plugin",
    ),
    opt(
        "only_service",
        One("ping.Ping", |b, name| b.only_service(name)),
        "this service, and no other not named",
    ),
    opt(
        "runtime_path",
        One("::wsrpc", |b, path| b.runtime_path(path)),
        "where the code finds the crate wsrpc",
    ),
    opt(
        "embed_descriptors",
        Flag(|b| b.embed_descriptors(true)),
        "each package's descriptors in its code, for reflection",
    ),
    opt(
        "include_file",
        One("mod.rs", |b, name| b.include_file(name)),
        "also a file that includes the others",
    ),
    opt(
        "extern_path",
        Two(".shop=::shop", |b, proto, rust| b.extern_path(proto, rust)),
        "types that are found elsewhere",
    ),
    opt(
        "bytes",
        One(".ping", |b, path| b.bytes(path)),
        "`Bytes` instead of `Vec<u8>`",
    ),
    opt(
        "btree_map",
        One(".ping", |b, path| b.btree_map(path)),
        "`BTreeMap` instead of `HashMap`",
    ),
    opt(
        "compile_well_known_types",
        Flag(|b| b.compile_well_known_types(true)),
        "instead of using those of prost-types",
    ),
    opt(
        "prost_path",
        One("::prost", |b, path| b.prost_path(path)),
        "where the messages find the crate prost",
    ),
    opt(
        "prost_types_path",
        One("::prost_types", |b, path| b.prost_types_path(path)),
        "where they find the crate prost-types",
    ),
    opt(
        "type_attribute",
        Two(".=#[derive(Hash)]", |b, path, attribute| {
            b.type_attribute(path, attribute)
        }),
        "on messages, enums and oneofs",
    ),
    opt(
        "message_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.message_attribute(path, attribute)
        }),
        "on messages",
    ),
    opt(
        "enum_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.enum_attribute(path, attribute)
        }),
        "on enums and oneofs",
    ),
    opt(
        "field_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.field_attribute(path, attribute)
        }),
        "on fields and values of enums",
    ),
    opt(
        "client_mod_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.client_mod_attribute(path, attribute)
        }),
        "on modules of clients",
    ),
    opt(
        "client_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.client_attribute(path, attribute)
        }),
        "on clients",
    ),
    opt(
        "server_mod_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.server_mod_attribute(path, attribute)
        }),
        "on modules of servers",
    ),
    opt(
        "trait_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.trait_attribute(path, attribute)
        }),
        "on traits of servers",
    ),
    opt(
        "server_attribute",
        Two(".=#[x]", |b, path, attribute| {
            b.server_attribute(path, attribute)
        }),
        "on servers",
    ),
];

const fn opt(name: &'static str, value: Value, help: &'static str) -> Opt {
    Opt { name, value, help }
}

impl Opt {
    fn apply(&self, builder: Builder, value: Option<&str>) -> Result<Builder, Error> {
        match (&self.value, value) {
            (Flag(set), None) => Some(set(builder)),
            (One(_, set), Some(value)) if !value.is_empty() => Some(set(builder, value)),
            (Two(_, set), Some(value)) => value
                .split_once('=')
                .filter(|(path, value)| !path.is_empty() && !value.is_empty())
                .map(|(path, value)| set(builder, path, value)),
            _ => None,
        }
        .ok_or_else(|| {
            Error::new(format!(
                "the option `{}` is written `{}`",
                self.name,
                self.usage()
            ))
        })
    }

    fn usage(&self) -> String {
        match self.value {
            Flag(_) => self.name.to_owned(),
            One(example, _) | Two(example, _) => format!("{}={example}", self.name),
        }
    }
}

impl Builder {
    /// Changes the settings by options as [`options_help`] lists them, separated by commas: what a plugin of `protoc` is
    /// given as its parameter. A comma within an option is written `\,`.
    ///
    /// # Errors
    ///
    /// An option that is unknown or lacks its value.
    pub fn options(self, parameter: &str) -> Result<Self, Error> {
        let mut builder = self;
        for option in split(parameter) {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (option.as_str(), None),
            };
            let Some(opt) = OPTIONS.iter().find(|opt| opt.name == name) else {
                let known: Vec<&str> = OPTIONS.iter().map(|opt| opt.name).collect();
                return Err(Error::new(format!(
                    "unknown option `{option}`: there are {}",
                    known.join(", ")
                )));
            };
            builder = opt.apply(builder, value)?;
        }
        Ok(builder)
    }
}

/// All options, one a line.
pub fn options_help() -> String {
    let mut out = String::new();
    for opt in OPTIONS {
        // A `String` takes all that is written to it.
        let _ = writeln!(out, "    {:34} {}", opt.usage(), opt.help);
    }
    out
}

/// The options in a parameter, at its commas that have no backslash in front.
fn split(parameter: &str) -> Vec<String> {
    let mut options = vec![String::new()];
    let mut rest = parameter.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, options.last_mut()) {
            (',', _) => options.push(String::new()),
            ('\\', Some(option)) if rest.next_if_eq(&',').is_some() => option.push(','),
            (_, Some(option)) => option.push(c),
            (_, None) => {}
        }
    }
    let trimmed = options.iter().map(|option| option.trim().to_owned());
    trimmed.filter(|option| !option.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configure;

    #[test]
    fn commas() {
        assert_eq!(split("a, b=c,,d=e\\,f\\g"), ["a", "b=c", "d=e,f\\g"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn every_option_is_taken_as_it_is_shown() {
        for opt in OPTIONS {
            let usage = opt.usage().replace(',', "\\,");
            let _ = configure().options(&usage).expect("its own example");
        }
    }

    #[test]
    fn mistakes() {
        for (parameter, expected) in [
            ("clients", "unknown option `clients`: there are no_client, "),
            (
                "no_client=1",
                "the option `no_client` is written `no_client`",
            ),
            ("bytes", "the option `bytes` is written `bytes=.ping`"),
            (
                "extern_path=.a",
                "the option `extern_path` is written `extern_path=.shop=::shop`",
            ),
        ] {
            let error = configure().options(parameter).expect_err("a mistake");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}

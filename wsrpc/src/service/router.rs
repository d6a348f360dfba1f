//! Finds a method by its name.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use super::{Intercepted, Layered, MethodDescriptor, Service, layered};
use crate::{
    layer::{Interceptor, Next},
    status::Status,
    version::ProtocolVersion,
    wire::Text,
};

/// Services that cannot be served together.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Two services have the same full name.
    #[error("the service {0} was added twice")]
    Duplicate(&'static str),
    /// Two services have a method of the same bare name, which is all that version 1 of the wire carries.
    #[error(
        "{first} and {second} both have a method {method}, and version 1 of the wire carries only that name; \
         rename one, or allow it with strict_method_names(false)"
    )]
    Ambiguous {
        /// The bare name.
        method: &'static str,
        /// The full name of the service that was added first.
        first: &'static str,
        /// The full name of the other.
        second: &'static str,
    },
    /// Reflection is asked for, and what a service has for descriptors is none.
    #[error("the service {service}: {reason}")]
    Descriptors {
        /// Its full name.
        service: &'static str,
        /// What is wrong with them.
        reason: String,
    },
}

/// Collects services until they are all known.
#[derive(Default)]
pub(crate) struct RouterBuilder {
    services: Vec<Arc<dyn Service>>,
    /// Around all services, the outermost last.
    wraps: Vec<Wrap>,
    strict: bool,
    #[cfg(feature = "reflection")]
    reflection: bool,
}

/// How the names of gRPC's own services begin. Version 1 of the wire does not carry them: nobody asks for them
/// there, and their bare names, `Check` or `List`, would make methods of the user's ambiguous.
const STANDARD: [&str; 2] = ["grpc.health.", "grpc.reflection."];

/// What goes around a service.
enum Wrap {
    Layers(Next),
    Interceptor(Interceptor),
}

impl Wrap {
    fn around(&self, service: Arc<dyn Service>) -> Arc<dyn Service> {
        match self {
            Self::Layers(layers) => Arc::new(Layered::of(service, layers.clone())),
            Self::Interceptor(interceptor) => {
                Arc::new(Intercepted::of(service, interceptor.clone()))
            }
        }
    }
}

impl RouterBuilder {
    pub(crate) fn add(&mut self, service: Arc<dyn Service>) {
        self.services.push(service);
    }

    pub(crate) fn strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// Adds reflection of all services, those that are added later too.
    #[cfg(feature = "reflection")]
    pub(crate) fn reflection(&mut self) {
        self.reflection = true;
    }

    #[cfg(feature = "reflection")]
    fn add_reflection(&mut self) -> Result<(), ServiceError> {
        let mut reflection = crate::reflection::ReflectionBuilder::new();
        for service in &self.services {
            let descriptor = service.descriptor();
            let added = reflection.service(descriptor);
            reflection = added.map_err(|error| ServiceError::Descriptors {
                service: descriptor.name(),
                reason: error.to_string(),
            })?;
        }
        self.add(Arc::new(reflection.build()));
        Ok(())
    }

    /// Puts a layer around all services. It is one for all: what it limits, it limits for all of them together.
    pub(crate) fn layer(&mut self, layer: impl FnOnce(Next) -> Next) {
        let inner = match self.wraps.pop() {
            Some(Wrap::Layers(inner)) => inner,
            other => {
                self.wraps.extend(other);
                layered::handlers()
            }
        };
        self.wraps.push(Wrap::Layers(layer(inner)));
    }

    pub(crate) fn intercept(&mut self, interceptor: Interceptor) {
        self.wraps.push(Wrap::Interceptor(interceptor));
    }

    pub(crate) fn build(mut self) -> Result<Router, ServiceError> {
        #[cfg(feature = "reflection")]
        if self.reflection {
            self.add_reflection()?;
        }
        let wraps = std::mem::take(&mut self.wraps);
        for service in &mut self.services {
            for wrap in &wraps {
                *service = wrap.around(service.clone());
            }
        }
        let mut names = HashSet::new();
        let mut methods: Names<Entry> = Names::default();
        let mut full = Names::default();
        for service in &self.services {
            let descriptor = service.descriptor();
            if !names.insert(descriptor.name()) {
                return Err(ServiceError::Duplicate(descriptor.name()));
            }
            for (index, method) in descriptor.methods().iter().enumerate() {
                let found = Method {
                    service: service.clone(),
                    index,
                    descriptor: method,
                };
                full.insert(method.to_string().into_bytes(), found.clone());
                if STANDARD
                    .iter()
                    .any(|prefix| descriptor.name().starts_with(prefix))
                {
                    continue;
                }
                let Some(entry) = methods.get_mut(method.name().as_bytes()) else {
                    methods.insert(method.name().into(), Entry::One(found));
                    continue;
                };
                let first = entry.first_service();
                if self.strict {
                    return Err(ServiceError::Ambiguous {
                        method: method.name(),
                        first,
                        second: descriptor.name(),
                    });
                }
                tracing::warn!(
                    method = method.name(),
                    first,
                    second = descriptor.name(),
                    "two services have a method of this name: peers that speak version 1 can call neither"
                );
                entry.add(descriptor.name());
            }
        }
        Ok(Router { methods, full })
    }
}

/// The methods that can be called.
pub(crate) struct Router {
    /// By their bare names, which is what version 1 carries.
    methods: Names<Entry>,
    /// By their full names, `ping.Ping/Ping`.
    full: Names<Method>,
}

/// By name, in bytes: what a peer asks for need not be looked at as text to be found.
type Names<T> = HashMap<Vec<u8>, T, BuildHasherDefault<NameHasher>>;

/// Hashes names, eight bytes at a time. A hash that withstands a peer that seeks collisions would gain nothing: all names
/// in the tables are this side's own, and a peer only ever looks them up.
#[derive(Default)]
struct NameHasher(u64);

impl NameHasher {
    fn mix(&mut self, word: u64) {
        // Odd, and without a pattern in its bits: 2^64 divided by the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, name: &[u8]) {
        let mut words = name.chunks_exact(8);
        for word in &mut words {
            self.mix(word.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = words.remainder().iter();
        self.mix(rest.fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_usize(&mut self, length: usize) {
        self.mix(length as u64);
    }

    fn finish(&self) -> u64 {
        // The table begins at the lowest bits, and of a product the highest are the best.
        self.0.rotate_left(26)
    }
}

enum Entry {
    One(Method),
    /// The full names of the services that share the bare name.
    Shared(Vec<&'static str>),
}

/// Characters of an unknown name that are sent back.
const MAX_SHOWN: usize = 64;

/// A method of a service.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) index: usize,
    pub(crate) descriptor: &'static MethodDescriptor,
}

impl Entry {
    fn first_service(&self) -> &'static str {
        match self {
            Self::One(method) => method.descriptor.service(),
            Self::Shared(services) => services.first().copied().unwrap_or_default(),
        }
    }

    fn add(&mut self, service: &'static str) {
        match self {
            Self::One(method) => *self = Self::Shared(vec![method.descriptor.service(), service]),
            Self::Shared(services) => services.push(service),
        }
    }
}

impl Router {
    /// The method of this name, as peers of this version spell it.
    pub(crate) fn find(&self, name: &Text, version: ProtocolVersion) -> Result<&Method, Status> {
        let found = match version {
            ProtocolVersion::V1 => self.find_bare(name)?,
            ProtocolVersion::V2 => self.full.get(name.as_bytes()),
        };
        found.ok_or_else(|| self.unknown(name.as_str()))
    }

    fn find_bare(&self, name: &Text) -> Result<Option<&Method>, Status> {
        match self.methods.get(name.as_bytes()) {
            Some(Entry::One(method)) => Ok(Some(method)),
            Some(Entry::Shared(services)) => Err(Status::unimplemented(format!(
                "the method name {} is shared by {}, so that version 1 cannot tell which is meant",
                name.as_str(),
                services.join(" and ")
            ))),
            None => Ok(None),
        }
    }

    fn unknown(&self, name: &str) -> Status {
        // A name may fill a whole message, and its escapes several.
        let shown: String = name.chars().take(MAX_SHOWN).collect();
        let mut text = format!("no method {shown:?}");
        if shown.len() < name.len() {
            text += "…";
        }
        if self.full.is_empty() {
            text += ": the callee has no services";
        } else if let Some((service, _)) = shown.split_once('/') {
            // Version 1 names no service.
            let added = |method: &Method| method.descriptor.service() == service;
            if !self.full.values().any(added) {
                text += ": the callee has no such service";
            }
        }
        Status::unimplemented(text)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.full.values().map(|method| method.descriptor.name());
        f.debug_set().entries(names).finish()
    }
}

debug_as_display!(ServiceError);

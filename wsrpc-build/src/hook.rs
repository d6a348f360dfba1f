//! What prost calls for each service, and after each file.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use prost_build::{Module, Service, ServiceGenerator};

use crate::emit::Emitter;
use crate::{comments, embed};

/// Writes the services, and mends what prost wrote.
pub(crate) struct Hook {
    emitter: Emitter,
    progress: Progress,
}

/// How far prost has come: shared with whoever let it loose.
#[derive(Clone, Default)]
pub(crate) struct Progress(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// The files that are not yet done.
    files: VecDeque<Planned>,
    /// The modules that there is something in.
    modules: BTreeSet<Module>,
}

/// A file, as prost will come to it.
pub(crate) struct Planned {
    pub(crate) name: String,
    /// Its package, if the file is generated for more than to understand others.
    pub(crate) package: Option<String>,
    /// The package's descriptors, to be embedded after this file.
    pub(crate) descriptors: Option<Vec<u8>>,
}

impl Progress {
    pub(crate) fn new(files: impl IntoIterator<Item = Planned>) -> Self {
        let state = State {
            files: files.into_iter().collect(),
            modules: BTreeSet::new(),
        };
        Self(Rc::new(RefCell::new(state)))
    }

    /// The file that prost is at.
    pub(crate) fn current(&self) -> Option<String> {
        let state = self.0.borrow();
        state.files.front().map(|file| file.name.clone())
    }

    pub(crate) fn modules(&self) -> BTreeSet<Module> {
        self.0.borrow().modules.clone()
    }
}

impl Hook {
    pub(crate) fn new(emitter: Emitter, progress: Progress) -> Self {
        Self { emitter, progress }
    }
}

impl ServiceGenerator for Hook {
    fn generate(&mut self, service: Service, out: &mut String) {
        out.push_str(&self.emitter.emit(&service.into()));
    }

    fn finalize(&mut self, out: &mut String) {
        comments::reveal(out);
        let mut state = self.progress.0.borrow_mut();
        let Some(file) = state.files.pop_front() else {
            return;
        };
        let Some(package) = file.package.filter(|_| !out.is_empty()) else {
            return;
        };
        if let Some(descriptors) = &file.descriptors {
            out.push_str(&embed::constant(&package, descriptors));
        }
        let module = Module::from_protobuf_package_name(&package);
        state.modules.insert(module);
    }
}

//! What it costs prost to find out which messages can be `Copy` or `Eq`. It asks each message of each field again and
//! again, from within itself: messages that hold messages that hold messages take it exponentially long, or all of the
//! stack.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::{Error, names};

/// How many messages may hold one another in a row.
const MAX_CHAIN: u64 = 500;
/// How many questions prost may ask itself. A large schema takes some ten thousand.
const MAX_QUESTIONS: u64 = 2_000_000;

/// Adds up what prost will do, or refuses to let it.
pub(crate) fn check(files: &[FileDescriptorProto]) -> Result<(), Error> {
    let graph = Graph::new(files);
    let components = graph.components();
    let order = {
        let mut order: Vec<usize> = (0..graph.messages.len()).collect();
        // What a message holds comes before it, but for circles, into which prost does not follow.
        order.sort_by_key(|&message| components[message]);
        order
    };
    for can_be in [can_be_copy, can_be_eq] {
        let mut costs: Vec<Cost> = vec![Cost::default(); graph.messages.len()];
        let mut questions: u64 = 0;
        for &message in &order {
            let cost = graph.cost(message, can_be, &components, &costs);
            questions = questions.saturating_add(cost.questions);
            if cost.chain > MAX_CHAIN || questions > MAX_QUESTIONS {
                let (file, name) = &graph.names[message];
                return Err(Error::new(format!(
                    "{file}: message `{}`: messages hold one another too deeply, or in too many ways, below it",
                    name.trim_start_matches('.')
                )));
            }
            costs[message] = cost;
        }
    }
    Ok(())
}

/// What prost does for one message.
#[derive(Clone, Copy, Default)]
struct Cost {
    questions: u64,
    chain: u64,
    answer: bool,
}

/// What prost concludes from a field alone. `None`: it depends on the field's message.
type CanBe = fn(&FieldDescriptorProto) -> Option<bool>;

fn can_be_copy(field: &FieldDescriptorProto) -> Option<bool> {
    match field.r#type() {
        _ if field.label() == Label::Repeated => Some(false),
        Type::Message => None,
        Type::String | Type::Bytes | Type::Group => Some(false),
        _ => Some(true),
    }
}

fn can_be_eq(field: &FieldDescriptorProto) -> Option<bool> {
    match field.r#type() {
        Type::Message if field.label() == Label::Repeated => Some(false),
        Type::Message => None,
        Type::Float | Type::Double | Type::Group => Some(false),
        _ => Some(true),
    }
}

/// Which message holds which, not counting repeated fields.
struct Graph<'a> {
    messages: Vec<&'a DescriptorProto>,
    /// Of each message, its file and its full name.
    names: Vec<(&'a str, String)>,
    index: HashMap<String, usize>,
    holds: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn new(files: &'a [FileDescriptorProto]) -> Self {
        let mut graph = Self {
            messages: Vec::new(),
            names: Vec::new(),
            index: HashMap::new(),
            holds: Vec::new(),
        };
        for file in files {
            for message in &file.message_type {
                graph.add(file.name(), message, &names::scope(file.package()));
            }
        }
        graph.holds = graph
            .messages
            .iter()
            .map(|message| {
                let fields = message.field.iter();
                fields.filter_map(|field| graph.held(field)).collect()
            })
            .collect();
        graph
    }

    fn add(&mut self, file: &'a str, message: &'a DescriptorProto, scope: &str) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add(file, nested, &name);
        }
        self.index.insert(name.clone(), self.messages.len());
        self.messages.push(message);
        self.names.push((file, name));
    }

    fn held(&self, field: &FieldDescriptorProto) -> Option<usize> {
        let is_held = field.r#type() == Type::Message && field.label() != Label::Repeated;
        let index = self.index.get(field.type_name()).copied();
        index.filter(|_| is_held)
    }

    fn cost(&self, message: usize, can_be: CanBe, components: &[usize], costs: &[Cost]) -> Cost {
        let mut cost = Cost {
            questions: 1,
            chain: 1,
            answer: true,
        };
        for field in &self.messages[message].field {
            cost.questions = cost.questions.saturating_add(1);
            cost.answer = can_be(field).unwrap_or_else(|| match self.held(field) {
                Some(held) if components[held] != components[message] => {
                    let held = costs[held];
                    cost.questions = cost.questions.saturating_add(held.questions);
                    cost.chain = cost.chain.max(held.chain + 1);
                    held.answer
                }
                _ => false,
            });
            if !cost.answer {
                break;
            }
        }
        cost
    }

    /// For each message the number of its circle (messages that hold each other, or one alone): what it holds has a
    /// lower one. The algorithm is Kosaraju's, without recursion.
    fn components(&self) -> Vec<usize> {
        let mut held_by: Vec<Vec<usize>> = vec![Vec::new(); self.messages.len()];
        for (message, holds) in self.holds.iter().enumerate() {
            for &held in holds {
                held_by[held].push(message);
            }
        }
        // Left in this order, holders come before what they hold in the mirrored graph.
        let mut left = Vec::new();
        let mut seen = vec![false; self.messages.len()];
        for message in 0..self.messages.len() {
            visit(message, &held_by, &mut seen, |done| left.push(done));
        }
        let mut components = vec![0; self.messages.len()];
        let mut seen = vec![false; self.messages.len()];
        for (number, &message) in left.iter().rev().enumerate() {
            visit(message, &self.holds, &mut seen, |done| {
                components[done] = number
            });
        }
        components
    }
}

/// Goes everywhere that can be reached from `start` and has not been seen. `leave` is called on the way back.
fn visit(start: usize, edges: &[Vec<usize>], seen: &mut [bool], mut leave: impl FnMut(usize)) {
    let mut path: Vec<(usize, usize)> = Vec::new();
    if !seen[start] {
        seen[start] = true;
        path.push((start, 0));
    }
    while let Some((at, next)) = path.last_mut() {
        match edges[*at].get(*next) {
            Some(&to) => {
                *next += 1;
                if !seen[to] {
                    seen[to] = true;
                    path.push((to, 0));
                }
            }
            None => {
                leave(*at);
                path.pop();
            }
        }
    }
}

//! A queue that most often holds one.

use std::collections::VecDeque;

/// A queue whose first item needs no memory of its own: most calls have one message in each direction.
#[derive(Debug)]
pub(super) struct Queue<T> {
    first: Option<T>,
    /// Empty while there is no first.
    #[expect(
        clippy::box_collection,
        reason = "each call moves its queues, and few have a second item"
    )]
    rest: Option<Box<VecDeque<T>>>,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            rest: None,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.rest.get_or_insert_default().push_back(item),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        match &mut self.rest {
            None => self.first.take(),
            Some(rest) => std::mem::replace(&mut self.first, rest.pop_front()),
        }
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len());
        usize::from(self.first.is_some()).saturating_add(rest)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let rest = self.rest.iter_mut();
        self.first
            .iter_mut()
            .chain(rest.flat_map(|rest| rest.iter_mut()))
    }

    /// Whether there is memory for more than one, which stays when they are taken.
    pub(super) fn has_memory(&self) -> bool {
        self.rest.is_some()
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first
            .iter()
            .chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn first_in_is_first_out() {
        let mut queue = Queue::new();
        assert!(queue.is_empty() && queue.pop().is_none());
        for round in 1..4 {
            for item in 0..round {
                queue.push(item);
                assert_eq!(queue.front(), Some(&0));
                assert_eq!(queue.len(), item + 1);
            }
            assert!(queue.iter().copied().eq(0..round));
            for item in 0..round {
                assert_eq!(queue.front_mut(), Some(&mut item.clone()));
                assert_eq!(queue.pop(), Some(item));
            }
            assert!(queue.is_empty());
        }
    }
}
